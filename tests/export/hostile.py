"""Pickles that ask for more than a model: each writes a canary, or takes time or memory, if run."""

import bz2
import functools
import gzip
import lzma
import operator
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.testing
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


class Call:
    """Pickles into a call, with a state for what it gives where there is one."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self.reduced


class Attribute:
    """Pickles into `getattr(owner, name)`, which pickle wants to be callable."""

    def __init__(self, owner: Any, name: str) -> None:
        self.reduced = (getattr, (owner, name))

    def __reduce__(self) -> Any:
        return self.reduced

    def __call__(self) -> None:
        raise NotImplementedError


def regression() -> LogisticRegression:
    """A fitted model to hide things in."""
    return LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])


def hidden(value: Any) -> LogisticRegression:
    """A fitted model with one attribute too many."""
    model = regression()
    model.extra_ = value
    return model


def text(value: str) -> bytes:
    """The opcode that pushes text."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def joblib_array(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The record that joblib writes before an array's bytes."""
    opcodes = b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
    opcodes += text("subclass") + b"cnumpy\nndarray\n" + text("order") + text("C")
    opcodes += text("shape") + b"(" + b"".join(b"\x8a\x05" + n.to_bytes(5, "little") for n in shape)
    opcodes += b"t" + text("allow_mmap") + b"\x89" + text("dtype")
    opcodes += b"cnumpy\ndtype\n" + text(dtype) + b"\x89\x88\x87R(K\x03" + text("<")
    return opcodes + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb" + b"ub"


def expanding_to(megabytes: int, compress: Callable[[], Any], start: bytes) -> bytes:
    """`start` and then zeros without end, compressed."""
    compressor = compress()
    zeros = bytes(2**20)
    parts = [compressor.compress(start)]
    parts += [compressor.compress(zeros) for _ in range(megabytes)]
    return b"".join([*parts, compressor.flush()])


def corpus(canary: Path) -> dict[str, bytes]:
    """Name to content; whoever runs one of the first half leaves `canary` behind."""
    touch = f"open({str(canary)!r}, 'w').close()"
    shell = f"touch {canary}"
    evil = Call(eval, touch)
    plain: dict[str, Any] = {
        "system": Call(os.system, shell),
        "eval": evil,
        "exec": Call(exec, touch),
        "nested reduce": Call(list, [Call(map, eval, [touch])]),
        "in an attribute": hidden(evil),
        "in a list of an attribute": hidden([{"a": (1, [evil])}]),
        "as coefficients": hidden({"coef_": evil}),
        "getattr chain": Call(Attribute(Attribute(eval, "__self__"), "eval"), touch),
        "import": Call(__import__, "os"),
        "getattr of the module": Call(Attribute(Call(__import__, "os"), "system"), shell),
        "setstate": Call(Attribute(LogisticRegression(), "__setstate__"), {"a": evil}),
        "state of a function": Call(print, state={"__code__": evil}),
        "partial": Call(functools.partial, eval, touch),
        "methodcaller": Call(operator.methodcaller("system", shell), Call(__import__, "os")),
        "object array": np.array([evil, None], dtype=object),
        "numpy scalar of a pickle": Call(
            np._core.multiarray.scalar, np.dtype("O"), pickle.dumps(evil)
        ),
        "numpy load": Call(np.load, str(canary), None, True),
        "numpy runstring": Call(numpy.testing.rundocs, str(canary)),
        "joblib load": Call(joblib.load, str(canary)),
        "pipeline": make_pipeline(regression()),
        "another model": Call(KMeans),
        "bytearray": Call(bytearray, 2**31),
        "random state": np.random.RandomState(0),
    }
    files = {name: pickle.dumps(value) for name, value in plain.items()}
    files |= {f"{name}, protocol 2": pickle.dumps(value, 2) for name, value in plain.items()}
    run = f"c__builtin__\neval\n({text(touch).decode('latin1')}tR.".encode("latin1")
    files |= {
        "protocol 0": b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR.",
        "instance opcode": b"\x80\x02(" + text(shell) + b"ios\nsystem\n.",
        "object opcode": b"\x80\x02(cos\nsystem\n" + text(shell) + b"o.",
        "no protocol": run,
        "extension code": b"\x80\x02\x82\x01.",
        "persistent id": b"\x80\x02" + text("x") + b"Q.",
        "dotted name": b"\x80\x04" + text("sklearn.svm._classes") + text("SVC.__init__") + b"\x93.",
        "name of an allowed module": b"\x80\x04" + text("numpy") + text("fromfile") + b"\x93.",
        "names that are no text": b"\x80\x04K\x01K\x02\x93.",
        "names that are lists": b"\x80\x04]]\x93.",
        "model with arguments": b"\x80\x04csklearn.svm._classes\nSVC\nK\x01\x85\x81.",
        "reduce of no name": b"\x80\x04K\x01)R.",
        "encode into another codec": b"\x80\x02c_codecs\nencode\n" + text("a") + text("zlib")
        + b"\x86R.",
    }  # fmt: skip
    array = joblib_array("f8", (2**29, 512))
    huge = b"\x80\x04\x8e" + struct.pack("<Q", 2**31)
    nested = b"\x80\x04" + b"]" * 9_000
    largest = joblib_array("f8", (2**25 - 2**10,))
    return files | {
        "array of 2 TB": array,
        "array of 2 GB": joblib_array("f8", (2**28,)) + b"\x00" * 1000,
        "array of 2 GB, zlib": zlib.compress(joblib_array("f8", (2**28,)) + bytes(1000)),
        "negative shape": joblib_array("f8", (2**39, 2**39)),
        "bytes of 2 GB": huge + b"\x00" * 1000,
        "text of 2 GB": b"\x80\x04\x8d" + struct.pack("<Q", 2**31) + b"a",
        "integer of 2 GB": b"\x80\x04\x8b" + struct.pack("<i", 2**31 - 1) + b"a",
        "memo bomb": b"\x80\x04" + b"]" + b"\x94" * 600_000 + b".",
        "memo at a billion": b"\x80\x04]r\xff\xff\xff\x3f" * 2 + b".",
        "doubling": b"\x80\x04)" + b"".join(
            b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(250)
        ) + b"}" + b"h\xf9" + b"K\x01s.",
        "doubling key": b"\x80\x04}()" + b"".join(
            b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(250)
        ) + b"K\x01u.",
        "a million opcodes": b"\x80\x04" + b"N0" * 1_000_000 + b".",
        "a stack without end": b"\x80\x04" + b"N" * 1_000_000,
        "marks without end": b"\x80\x04" + b"(" * 1_000_000,
        "lists in lists": nested + b"a" * 8_999 + b".",
        "tuples in tuples": b"\x80\x04)" + b"\x85" * 290_000 + b".",
        "name without end": b"\x80\x04c" + b"a" * 1_000_000,
        "gzip bomb": gzip.compress(bytes(2**20)),
        "zlib bomb of text": expanding_to(300, zlib.compressobj, b"\x80\x04X\xff\xff\xff\x7f"),
        "zlib bomb of opcodes": zlib.compress(b"\x80\x04" + b"N0" * 10_000_000),
        "bz2 bomb of an array": expanding_to(260, bz2.BZ2Compressor, largest),
        "xz bomb of an array": expanding_to(260, lzma.LZMACompressor, largest),
        "lz4": b"\x04\x22\x4d\x18" + bytes(100),
        "zip": b"PK\x03\x04" + bytes(100),
        "empty": b"",
        "text": b"hello",
        "cut off": pickle.dumps(regression())[:-20],
        "nothing but an end": b"\x80\x04.",
        "unknown opcode": b"\x80\x04\xff.",
        "pop of nothing": b"\x80\x040.",
        "below the mark": b"\x80\x04](a.",
        "memo that is not there": b"\x80\x04h\x07.",
    }  # fmt: skip
