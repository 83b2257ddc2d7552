"""Folders that come into being whole or not at all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_export.errors import ExportError


def check_absent(out: Path) -> None:
    """Refuse to write over what is there; raises ExportError."""
    if out.exists():
        raise ExportError(f"{str(out)!r} exists; remove it or choose another folder")


@contextmanager
def whole_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` at the end, and vanishes on any error."""
    check_absent(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
            folder = Path(scratch, out.name)
            folder.mkdir()
            yield folder
            folder.rename(out)
    except OSError as error:
        raise ExportError(f"can't write {str(out)!r}: {error}") from error
