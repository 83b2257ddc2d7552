"""A file of results that is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_detect.errors import OutputError


def check_folder(path: Path) -> None:
    """Refuse a file that has no folder to stand in, before work is done for it.

    Raises:
        OutputError: the folder is not there or can't be looked into, or `path` is a folder.
    """
    try:
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    except OSError as error:
        raise unwritable(path, error) from error
    if is_folder:
        raise OutputError(f"can't write {str(path)!r}: it is a folder; name a file")
    if not has_folder:
        raise OutputError(f"can't write {str(path)!r}: no folder {str(path.parent)!r}; make it")


def write_whole(path: Path, text: str) -> None:
    """Write UTF-8 text as the whole of a file.

    Raises:
        OutputError: it can't be written; nothing of it is left then.
    """
    with whole_or_nothing(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape")


@contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place at the end, for what stood there too.

    Raises:
        OutputError: it can't be written; nothing of it is left then.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error that says why."""
    return OutputError(f"can't write {str(path)!r}: {error.strerror}; free space or name another")
