"""A file's content as decoders may use it: they print errors of a file with their tracebacks, and
go on."""

import os
from typing import BinaryIO


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
        self._error: OSError | None = None
        self.tell = file.tell
        file.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Where the next read begins; -1, and nothing has changed, where that can't be."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        try:
            return self._file.seek(base + offset) if base + offset >= 0 else -1
        except OSError:  # further than a file can be long
            return -1

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end; all that are left where `size` is negative."""
        left = max(0, self._size - self.tell())
        try:
            return self._file.read(left if size < 0 else min(size, left))
        except OSError as error:
            self._error = error
            return b""

    def raise_error(self) -> None:
        """Raise the error that ended the content early, if one did."""
        if self._error:
            raise self._error
