"""The bytes of a file, expanded where it is compressed, and never more than a head can need."""

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from edge_export.errors import HeadError

# A support vector of 768 features takes 6 KB, a forest of 200 trees tens of megabytes.
MAX_BYTES = 256 * 2**20
# xz -9 needs 65 MB.
MAX_LZMA_MEMORY = 128 * 2**20
CHUNK_BYTES = 2**16
# A forest compresses tenfold. What expands further than any model is not worth its time.
MAX_EXPANSION = 100
FREELY_EXPANDED_BYTES = 16 * 2**20


class Stream(Protocol):
    """A source of bytes that refuses to give more than there can be."""

    def read(self, size: int) -> bytes | bytearray:
        """Exactly `size` bytes."""


def open_stream(file: BinaryIO) -> Stream:
    """The file's own bytes, or what they expand to."""
    start = file.read(6)
    file.seek(0)
    for magic, make in EXPANDERS.items():
        if start.startswith(magic):
            return ExpandedStream(file, make())
    if start.startswith(b"\x04\x22\x4d\x18"):
        raise HeadError("compressed by lz4; save it with joblib.dump(model, path, compress=3)")
    if not start.startswith(b"\x80"):
        raise HeadError("no pickle of protocol 2 to 5; save the model by pickle or joblib")
    return FileStream(file)


class FileStream:
    """An uncompressed file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = os.fstat(file.fileno()).st_size
        check_size(self._left)

    def read(self, size: int) -> bytes:
        if size > self._left:
            raise HeadError(f"it claims {size} bytes and has {self._left}; download it again")
        self._left -= size
        return self._file.read(size)


class Expander(Protocol):
    """A decompressor of the standard library that stops at a wanted length."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class ExpandedStream:
    """A compressed file, expanded as far as it is read."""

    def __init__(self, file: BinaryIO, expander: Expander) -> None:
        self._file = file
        self._expander = expander
        self._chunk = b""
        self._position = 0
        self._total = 0
        self._compressed = 0
        self._expanded = 0

    def read(self, size: int) -> bytes | bytearray:
        check_size(self._total + size)
        self._total += size
        if size <= len(self._chunk) - self._position:
            self._position += size
            return self._chunk[self._position - size : self._position]
        data = bytearray(size)  # zeros that take no memory before they are filled
        filled = 0
        while filled < size:
            if self._position == len(self._chunk):
                self._expand()
            part = self._chunk[self._position : self._position + size - filled]
            data[filled : filled + len(part)] = part
            filled += len(part)
            self._position += len(part)
        return data if size > CHUNK_BYTES else bytes(data)

    def _expand(self) -> None:
        """Take the next chunk, of at least a byte."""
        self._chunk, self._position = b"", 0
        while not self._chunk:
            # zlib hands back what it did not use; bz2 and lzma keep it and want no more meanwhile.
            data = getattr(self._expander, "unconsumed_tail", b"")
            if not data and getattr(self._expander, "needs_input", True):
                data = self._file.read(CHUNK_BYTES)
                self._compressed += len(data)
            self._chunk = self._expander.decompress(data, CHUNK_BYTES)
            if not data and not self._chunk:
                raise EOFError
        self._expanded += len(self._chunk)
        if self._expanded > max(FREELY_EXPANDED_BYTES, MAX_EXPANSION * self._compressed):
            raise HeadError(f"it expands more than {MAX_EXPANSION}-fold; no fitted model does")


EXPANDERS: dict[bytes, Callable[[], Expander]] = {
    b"\x78": zlib.decompressobj,
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=16 + zlib.MAX_WBITS),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lambda: lzma.LZMADecompressor(memlimit=MAX_LZMA_MEMORY),
    b"\x5d\x00": lambda: lzma.LZMADecompressor(memlimit=MAX_LZMA_MEMORY),
}


def read_line(stream: Stream) -> str:
    """Text up to the next end of line, without it: a module or a name."""
    text = bytearray()
    while (byte := stream.read(1)) != b"\n":
        text += byte
        if len(text) > 200:
            raise HeadError("a name of more than 200 characters; it was not read")
    return text.decode()


def check_size(size: int) -> None:
    """Refuse more than a head can need."""
    if size > MAX_BYTES:
        raise HeadError(f"more than {MAX_BYTES // 2**20} MB; no scaler or classifier is as large")
