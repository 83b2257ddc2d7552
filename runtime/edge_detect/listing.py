"""A list of clips with their labels: CSV or JSON Lines."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from edge_detect.clips import Clip, Dataset, LeftOut, Selection, label_clip, sort_out
from edge_detect.errors import DatasetError

DEFAULT_AUDIO = "path"
DEFAULT_LABEL = "label"

Cells: TypeAlias = dict[str, Any]
"""The cells of a row by their column."""


def read_listing(path: Path, selection: Selection, details: Sequence[str] = ()) -> Dataset:
    """Read the paths and labels of a list; relative paths are relative to the list's folder.

    `details` are columns that a clip's details are taken from, where the list has them.

    Raises:
        DatasetError: no CSV or JSON Lines, a broken line, or a column that is not there.
    """
    audio, label = selection.audio or DEFAULT_AUDIO, selection.label or DEFAULT_LABEL
    wanted = [audio, label, *([selection.group] if selection.group else [])]
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise DatasetError(
            f"{str(path)!r} is no list of clips; give a .csv or .jsonl file, or a folder"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            entries = [
                listed_clip(path, line, cells, wanted, details)
                for line, cells in read(file, path, wanted)
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"can't read {str(path)!r} as UTF-8 text: {error}") from error
    return sort_out(entries)


def listed_clip(
    listing: Path, line: int, cells: Cells, wanted: list[str], details: Sequence[str] = ()
) -> Clip | LeftOut:
    """The clip of one line; `wanted` names the columns of path, label and, where asked, group."""
    audio, label, *groups = wanted
    path, place = cells[audio], f"{listing}:{line}"
    if not isinstance(path, str) or not path.strip():
        return LeftOut(place, "no_path", f"{place!r} has no path")
    file = listing.parent / path.strip()
    group = cells[groups[0]] if groups else None
    others = {column: cells.get(column) for column in details}
    return label_clip(str(file), cells[label], group, bool(groups), partial(Path, file), others)


def csv_rows(file: TextIO, path: Path, wanted: list[str]) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV file whose header has the wanted columns; None for a cell not there."""
    reader = csv.DictReader(file, strict=True)
    try:
        check_columns(wanted, reader.fieldnames or [], str(path))
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        line = reader.reader.line_num  # the DictReader's own stays on the last good row
        raise DatasetError(f"{str(path)!r} line {line} is no CSV: {error}; mend it") from error


def json_rows(file: TextIO, path: Path, wanted: list[str]) -> Iterator[tuple[int, Cells]]:
    """The objects of a JSON Lines file, each with the wanted keys; blank lines are passed over."""
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(
                f"{str(path)!r} line {number} is no JSON: {error}; mend it"
            ) from error
        if not isinstance(cells, dict):
            raise DatasetError(f"{str(path)!r} line {number} holds no JSON object; mend it")
        check_columns(wanted, cells, f"{path}:{number}")
        yield number, cells


def check_columns(wanted: Iterable[str], present: Iterable[str], name: str) -> None:
    """Refuse what lacks a wanted column, and say which there are."""
    have = list(present)
    missing = [column for column in wanted if column not in have]
    if missing:
        raise DatasetError(
            f"{name!r} has no column {' and no '.join(map(repr, missing))}; "
            f"it has {', '.join(map(repr, have)) or 'none'}"
        )


READERS: dict[str, Callable[[TextIO, Path, list[str]], Iterator[tuple[int, Cells]]]] = {
    ".csv": csv_rows,
    ".jsonl": json_rows,
}
