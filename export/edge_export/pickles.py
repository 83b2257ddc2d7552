"""Reads scikit-learn's pickles without running them.

A pickle is a program: its opcodes build objects by calling whatever it names. This reader knows the
opcodes that arrays and fitted models are made of, builds numpy arrays from numbers and text alone,
and leaves every model as a `Stored`: its class's name and its attributes. No module is imported and
no function called because a pickle names it; scikit-learn and joblib need not be installed.

Plain pickles of protocol 2 to 5 and joblib's files (which put the arrays' bytes between the
opcodes), compressed by zlib, gzip, bz2, lzma or xz or not at all.
"""

import math
import os
import pickletools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_export.errors import HeadError
from edge_export.streams import MAX_BYTES, Stream, check_size, open_stream, read_line

# Python takes up to 4 bytes a character.
MAX_TEXT_BYTES = 32 * 2**20
# A forest of 200 trees takes 30,000.
MAX_OPCODES = 300_000
MAX_MEMO = 200_000
MAX_STACK = 10_000
MAX_NESTING = 100
MAX_INT_BYTES = 16

MODELS = {
    ("sklearn.preprocessing._data", "StandardScaler"),
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("sklearn.multiclass", "OneVsRestClassifier"),
    ("sklearn.preprocessing._label", "LabelBinarizer"),  # inside of OneVsRestClassifier
    ("sklearn.svm._classes", "SVC"),
    ("sklearn.ensemble._forest", "RandomForestClassifier"),
    ("sklearn.tree._classes", "DecisionTreeClassifier"),  # inside of RandomForestClassifier
    ("sklearn.tree._tree", "Tree"),
}

# What numpy and joblib put around an array's bytes; numpy 2 moved numpy.core to numpy._core.
NDARRAY = ("numpy", "ndarray")
DTYPE = ("numpy", "dtype")
RECONSTRUCT = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}
SCALAR = {("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar")}
FROM_BUFFER = {("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer")}
JOBLIB_ARRAY = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# How protocol 2 writes bytes.
ENCODE = ("_codecs", "encode")
BYTES = {("__builtin__", "bytes"), ("builtins", "bytes")}

ALLOWED = (
    {NDARRAY, DTYPE, JOBLIB_ARRAY, ENCODE} | RECONSTRUCT | SCALAR | FROM_BUFFER | BYTES | MODELS
)

NUMBERS_AND_TEXT = re.compile(r"[biufU]\d+")

Array: TypeAlias = npt.NDArray[Any]
Name: TypeAlias = tuple[str, str]


@dataclass(frozen=True)
class Stored:
    """An object of scikit-learn that stays what the file says of it."""

    kind: str
    """Its class's name."""
    arguments: tuple[Any, ...] = ()
    """What its constructor is given; empty for all but a tree."""
    attributes: dict[str, Any] = field(default_factory=dict)


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """The one object of a pickle or joblib file: numbers, text, containers, arrays and `Stored`.

    Raises:
        HeadError: the file asks for anything else, is broken, or is larger than any real model.
    """
    try:
        with Path(path).open("rb") as file:
            return Reader(open_stream(file)).read()
    except HeadError as error:
        raise HeadError(f"{str(path)!r}: {error}") from error
    except OSError as error:
        raise HeadError(f"can't read {str(path)!r}: {error.strerror or error}") from error
    except Exception as error:  # a broken file can raise anything from the parts it is made of
        raise HeadError(
            f"{str(path)!r} is no pickle or joblib file that can be read "
            f"({type(error).__name__}); save the model again"
        ) from error


class UnbuiltArray:
    """numpy's empty array before its state."""

    def build(self, state: Any, reader: "Reader") -> Array:
        """The array with its shape and its bytes."""
        _, shape, dtype, fortran, data = state
        return make_array(data, dtype, shape, "F" if fortran else "C")


@dataclass(frozen=True)
class UnbuiltDtype:
    """numpy's dtype before its byte order and its fields."""

    code: str

    def build(self, state: Any, reader: "Reader") -> np.dtype[Any]:
        """The type with its byte order and its fields."""
        order, fields, formats, itemsize = state[1], state[3], state[4], state[5]
        if self.code == "O8":
            return np.dtype(object)
        if NUMBERS_AND_TEXT.fullmatch(self.code):
            return np.dtype(self.code).newbyteorder(order)
        if not self.code.startswith("V") or not fields:
            raise HeadError(f"an array of type {self.code!r}; only numbers and text are read")
        return np.dtype(
            {
                "names": list(fields),
                "formats": [plain_dtype(formats[name][0]) for name in fields],
                "offsets": [int(formats[name][1]) for name in fields],
                "itemsize": int(itemsize),
            }
        )


class UnbuiltJoblibArray:
    """joblib's record of an array whose bytes follow in the file."""

    def build(self, state: Any, reader: "Reader") -> Array:
        """The array with the bytes that follow."""
        shape, order, dtype = state["shape"], state["order"], state["dtype"]
        if dtype == np.dtype(object):
            return reader.read_nested()
        if state.get("numpy_array_alignment_bytes"):
            reader.stream.read(reader.stream.read(1)[0])
        data = reader.stream.read(checked_bytes(shape, plain_dtype(dtype)))
        return make_array(data, dtype, shape, order)


UNBUILT = (UnbuiltArray, UnbuiltDtype, UnbuiltJoblibArray)


def plain_dtype(value: Any) -> np.dtype[Any]:
    """A dtype of numbers, text or records of them."""
    if not isinstance(value, np.dtype):
        raise HeadError("an array without a type; save the model again")
    if value.hasobject:
        raise HeadError("an array of Python objects; save arrays of numbers or text")
    return value


def checked_bytes(shape: Any, dtype: np.dtype[Any]) -> int:
    """The bytes of an array, where its shape is one."""
    if not isinstance(shape, tuple) or len(shape) > 8:
        raise HeadError("an array without a shape; save the model again")
    if not all(type(length) is int and 0 <= length <= MAX_BYTES for length in shape):
        raise HeadError("an array with an impossible shape; save the model again")
    size = math.prod(shape) * dtype.itemsize
    check_size(size)
    return size


def make_array(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """An array from its bytes, or from a list of text and numbers where it holds Python objects."""
    if isinstance(data, list):
        return make_object_array(data, dtype, shape)
    kind = plain_dtype(dtype)
    if not isinstance(data, bytes | bytearray) or len(data) != checked_bytes(shape, kind):
        raise HeadError("an array whose bytes don't fill its shape; save the model again")
    if order not in ("C", "F"):
        raise HeadError("an array in no known order; save the model again")
    return np.frombuffer(data, kind).reshape(shape, order=order)


def make_object_array(data: list[Any], dtype: Any, shape: Any) -> Array:
    """Class labels out of a table are such arrays, of text."""
    if dtype != np.dtype(object) or shape != (len(data),):
        raise HeadError("a list where an array's bytes belong; save the model again")
    for item in data:
        if type(item) not in (str, int, float, bool):
            raise HeadError("an array of Python objects; save arrays of numbers or text")
    array = np.empty(len(data), object)
    array[:] = data
    return array


class Reader:
    """A machine for the opcodes that arrays and fitted models need."""

    def __init__(self, stream: Stream, nested_in: "Reader | None" = None) -> None:
        self.stream = stream
        self._nested_in = nested_in
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._keys: dict[int, int] = {}  # where in the memo an unbuilt part is, by its id
        self._opcodes: int = nested_in._opcodes if nested_in else 0
        self._text_bytes: int = nested_in._text_bytes if nested_in else 0

    def read(self) -> Any:
        """Run the opcodes up to STOP and return what they built."""
        while (code := bytes(self.stream.read(1))) != b".":
            self._opcodes += 1
            if self._opcodes > MAX_OPCODES or len(self._stack) > MAX_STACK:
                raise HeadError("more parts than any fitted model has; it was not read")
            operation = self.OPERATIONS.get(code)
            if operation is None:
                raise HeadError(f"it asks for {opcode_name(code)}; it was not read")
            operation(self)
        if len(self._stack) != 1 or self._marks:
            raise HeadError("it ends in the middle; save the model again")
        return self._stack.pop()

    def read_nested(self) -> Array:
        """joblib writes an array of objects as a pickle of its own into the file."""
        if self._nested_in:
            raise HeadError("pickles within pickles within pickles; it was not read")
        inner = Reader(self.stream, self)
        array = inner.read()
        self._opcodes, self._text_bytes = inner._opcodes, inner._text_bytes
        if not isinstance(array, np.ndarray):
            raise HeadError("an array of Python objects; save arrays of numbers or text")
        return array

    # The stack and the memo.

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if self._marks and len(self._stack) <= self._marks[-1]:
            raise IndexError
        return self._stack.pop()

    def _mark(self) -> None:
        if len(self._marks) >= MAX_NESTING:
            raise HeadError(f"nested more than {MAX_NESTING} deep; it was not read")
        self._marks.append(len(self._stack))

    def _pop_mark(self) -> list[Any]:
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def _remember(self, key: int) -> None:
        if len(self._memo) >= MAX_MEMO:
            raise HeadError(f"more than {MAX_MEMO} remembered parts; it was not read")
        self._memo[key] = self._stack[-1]
        if isinstance(self._stack[-1], UNBUILT):
            self._keys[id(self._stack[-1])] = key

    # Numbers, text and containers.

    def _number(self, form: str) -> int:
        [number] = struct.unpack(form, self.stream.read(struct.calcsize(form)))
        return int(number)

    def _push_integer(self, length_form: str) -> None:
        size = self._number(length_form)
        if not 0 <= size <= MAX_INT_BYTES:
            raise HeadError("an integer of more than 128 bits; it was not read")
        self._push(int.from_bytes(self.stream.read(size), "little", signed=True))

    def _push_float(self) -> None:
        self._push(struct.unpack(">d", self.stream.read(8))[0])

    def _push_text(self, length_form: str) -> None:
        size = self._number(length_form)
        self._text_bytes += size
        if self._text_bytes > MAX_TEXT_BYTES:
            raise HeadError("more text than any model has; save it with pickle protocol 4")
        self._push(self.stream.read(size).decode("utf-8", "surrogatepass"))

    def _push_bytes(self, length_form: str) -> None:
        self._push(self.stream.read(self._number(length_form)))

    def _push_tuple(self, length: int) -> None:
        self._push(tuple(reversed([self._pop() for _ in range(length)])))

    def _append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise TypeError
        target += values

    def _set_items(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise TypeError
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (str, int):  # the hash of nested tuples takes exponential time
                raise TypeError
            target[key] = value

    # Names and what is made of them.

    def _push_name(self, module: Any, name: Any) -> None:
        if (module, name) not in ALLOWED:
            raise HeadError(
                f"it asks for {str(module)[:100]}.{str(name)[:100]}, which is no array, "
                "StandardScaler, LogisticRegression, OneVsRestClassifier, SVC or "
                f"RandomForestClassifier; it was not read{REMEDIES.get((module, name), '')}"
            )
        self._push((module, name))

    def _refuse_instance(self) -> None:
        self._push_name(read_line(self.stream), read_line(self.stream))
        raise HeadError("it builds a model as protocol 0 does; save it with protocol 4")

    def _new(self) -> None:
        arguments, name = self._pop(), self._pop()
        if name == JOBLIB_ARRAY:
            self._push(UnbuiltJoblibArray())
        elif name in MODELS and arguments == ():
            self._push(Stored(name[1]))
        else:
            raise TypeError

    def _reduce(self) -> None:
        arguments, name = self._pop(), self._pop()
        if type(arguments) is not tuple or type(name) is not tuple:
            raise TypeError
        self._push(self._call(name, arguments))

    def _call(self, name: Name, arguments: tuple[Any, ...]) -> Any:
        """What the few functions that arrays are made by would give."""
        if name in RECONSTRUCT and arguments[0] == NDARRAY:
            return UnbuiltArray()
        if name == DTYPE and type(arguments[0]) is str:
            return UnbuiltDtype(arguments[0])
        if name in SCALAR:
            dtype, data = arguments
            return make_array(data, dtype, (), "C")[()]
        if name in FROM_BUFFER:
            data, dtype, shape, order = arguments
            return make_array(data, dtype, shape, order)
        if name == ENCODE and type(arguments[0]) is str and arguments[1:] == ("latin1",):
            return arguments[0].encode("latin1")
        if name in BYTES and arguments == ():
            return b""
        if name in MODELS:
            return Stored(name[1], arguments)
        raise TypeError

    def _build(self) -> None:
        state, target = self._pop(), self._stack[-1]
        if type(target) is Stored:
            if type(state) is not dict or not all(type(key) is str for key in state):
                raise TypeError
            target.attributes.update(state)
            return
        if not isinstance(target, UNBUILT):
            raise TypeError
        self._stack[-1] = target.build(state, self)
        key = self._keys.pop(id(target), None)
        if key is not None:
            self._memo[key] = self._stack[-1]

    OPERATIONS: ClassVar[dict[bytes, Callable[["Reader"], None]]] = {
        b"\x80": lambda self: check_protocol(self._number("B")),
        b"\x95": lambda self: void(self._number("<Q")),  # a frame only groups opcodes
        b"(": _mark,
        b"0": lambda self: void(self._pop()),
        b"1": lambda self: void(self._pop_mark()),
        b"N": lambda self: self._push(None),
        b"\x88": lambda self: self._push(True),
        b"\x89": lambda self: self._push(False),
        b"J": lambda self: self._push(self._number("<i")),
        b"K": lambda self: self._push(self._number("B")),
        b"M": lambda self: self._push(self._number("<H")),
        b"\x8a": lambda self: self._push_integer("B"),
        b"\x8b": lambda self: self._push_integer("<i"),
        b"G": _push_float,
        b"\x8c": lambda self: self._push_text("B"),
        b"X": lambda self: self._push_text("<I"),
        b"\x8d": lambda self: self._push_text("<Q"),
        b"C": lambda self: self._push_bytes("B"),
        b"B": lambda self: self._push_bytes("<I"),
        b"\x8e": lambda self: self._push_bytes("<Q"),
        b"\x96": lambda self: self._push_bytes("<Q"),
        b"]": lambda self: self._push([]),
        b"}": lambda self: self._push({}),
        b")": lambda self: self._push(()),
        b"t": lambda self: self._push(tuple(self._pop_mark())),
        b"\x85": lambda self: self._push_tuple(1),
        b"\x86": lambda self: self._push_tuple(2),
        b"\x87": lambda self: self._push_tuple(3),
        b"a": lambda self: self._append([self._pop()]),
        b"e": lambda self: self._append(self._pop_mark()),
        b"s": lambda self: self._set_items([self._pop(), self._pop()][::-1]),
        b"u": lambda self: self._set_items(self._pop_mark()),
        b"q": lambda self: self._remember(self._number("B")),
        b"r": lambda self: self._remember(self._number("<I")),
        b"\x94": lambda self: self._remember(len(self._memo)),
        b"h": lambda self: self._push(self._memo[self._number("B")]),
        b"j": lambda self: self._push(self._memo[self._number("<I")]),
        b"c": lambda self: self._push_name(read_line(self.stream), read_line(self.stream)),
        b"\x93": lambda self: self._push_name(*[self._pop(), self._pop()][::-1]),
        b"i": _refuse_instance,
        b"\x81": _new,
        b"R": _reduce,
        b"b": _build,
    }


REMEDIES: dict[Name, str] = {
    ("sklearn.pipeline", "Pipeline"): "; save the pipeline's scaler and classifier as two files",
}


def void(value: Any) -> None:
    """Drop a value."""


def check_protocol(protocol: int) -> None:
    """Refuse pickles of a future protocol and of Python 2's."""
    if not 2 <= protocol <= 5:
        raise HeadError(f"pickle protocol {protocol}; save the model with protocol 4")


def opcode_name(code: bytes) -> str:
    """What the standard library calls an opcode."""
    opcode = pickletools.code2op.get(code.decode("latin1"))  # type: ignore[attr-defined]
    return f"the opcode {opcode.name}" if opcode else f"{code!r}, which is no opcode"
