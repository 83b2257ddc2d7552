"""A file's content as decoders may use it: they print errors of a file with their tracebacks, and
go on."""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

SCANNED_BYTES = 1 << 20


class Content:
    """The bytes that a file holds now; what is appended to it is left out: a recording that goes on
    would never end.

    Reading and seeking raise nothing: where the file can't be read it ends, and `raise_error` says
    why. There is no `name` for a decoder to judge by.
    """

    def __init__(self, file: BinaryIO) -> None:
        """`file` is seekable; the content starts at its start."""
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._position = file.seek(0)  # asking the file for it is a system call each time
        self._error: OSError | None = None

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Where the next read begins; -1, and nothing has changed, where that can't be."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            return -1
        try:
            self._position = self._file.seek(base + offset)
        except OSError:  # further than a file can be long
            return -1
        return self._position

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end; all that are left where `size` is negative."""
        left = max(0, self._size - self._position)
        try:
            content = self._file.read(left if size < 0 else min(size, left))
        except OSError as error:
            self._error = error
            return b""
        self._position += len(content)
        return content

    def overlapping_blocks(self, overlap: int) -> Iterator[bytes]:
        """All bytes that are left, each block beginning with the last `overlap` of those before."""
        end = b""
        while read := self.read(SCANNED_BYTES):
            block = end + read
            yield block
            end = block[-overlap:]

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer of bytes as far as the content goes; how many there are."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def raise_error(self) -> None:
        """Raise the error that ended the content early, if one did."""
        if self._error:
            raise self._error
