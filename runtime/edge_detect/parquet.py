"""Rows of results as Parquet, by pyarrow, of the extra `parquet`; the only file that imports it."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from edge_detect.errors import OutputError

Columns = Mapping[str, type[str] | type[float]]
"""Name to kind of every column, in order."""

# Rows in memory at a time, and so in a row group.
GROUP_ROWS = 1024


def check_parquet(path: Path) -> None:
    """Refuse a file that can't be written here, before work is done for it.

    Raises:
        OutputError: there is no pyarrow.
    """
    if find_spec("pyarrow") is None:
        raise OutputError(
            f'can\'t write {str(path)!r} without pyarrow; pip install "edge-detect[parquet]", or '
            "give another --format"
        )


def write_rows(columns: Columns, rows: Iterable[Mapping[str, object]], out: BinaryIO) -> None:
    """Write text and double columns, a group of rows as soon as there are so many; what a row
    doesn't have is null."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    types = {str: pyarrow.string(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    left = iter(rows)
    with ParquetWriter(out, schema) as writer:
        while group := [encodable(row) for row in islice(left, GROUP_ROWS)]:
            writer.write_batch(pyarrow.RecordBatch.from_pylist(group, schema))


def encodable(row: Mapping[str, object]) -> dict[str, object]:
    """The row in UTF-8, which Parquet's text is: other bytes of a file's name are escaped, as in
    the JSON."""
    return {
        name: cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell
        for name, cell in row.items()
    }
