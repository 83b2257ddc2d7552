"""A Hugging Face dataset, from a folder or from the hub; its audio stays undecoded."""

from functools import partial
from pathlib import Path
from typing import Any

import datasets

from edge_detect.clips import (
    COLUMN_OPTIONS,
    Audio,
    Dataset,
    Selection,
    label_clip,
    refuse_others,
    sort_out,
)
from edge_detect.errors import DatasetError
from edge_detect.listing import check_columns
from edge_export.errors import first_line
from edge_train.saved_dataset import is_saved_dataset

DEFAULT_AUDIO = "audio"
DEFAULT_LABEL = "label"
DEFAULT_SPLIT = "train"


def read_huggingface(data: str, selection: Selection) -> Dataset:
    """Read a dataset that `datasets` can load, a folder or a hub id; names of classes are labels.

    Raises:
        DatasetError: `datasets` can't load it, or a column is not there.
    """
    audio, label = selection.audio or DEFAULT_AUDIO, selection.label or DEFAULT_LABEL
    wanted = [audio, label, *([selection.group] if selection.group else [])]
    table = load_table(data, selection)
    check_columns(wanted, table.column_names, data)
    labels = class_names(table, label)
    groups = class_names(table, selection.group) if selection.group else [None] * len(table)
    files = undecoded(table, audio)
    return sort_out(
        label_clip(
            f"{data}[{row}]",
            labels[row],
            groups[row],
            selection.group is not None,
            partial(fetch, files, row, audio),
        )
        for row in range(len(table))
    )


def load_table(data: str, selection: Selection) -> Any:
    """One split of a dataset on disk or on the hub."""
    saved = is_saved_dataset(Path(data))
    try:
        if not saved:
            split = selection.split or DEFAULT_SPLIT
            return datasets.load_dataset(data, selection.config, split=split)
        loaded = datasets.load_from_disk(data)
    except Exception as error:  # a dataset's files and the network can make it raise anything
        raise DatasetError(
            f"datasets can't load {data!r} ({first_line(error)}); check the name, the files or "
            "the network"
        ) from error
    return saved_split(loaded, data, selection)


def saved_split(loaded: Any, data: str, selection: Selection) -> Any:
    """The table of a split of what `save_to_disk` wrote, which may be one split alone."""
    if isinstance(loaded, datasets.Dataset):
        refuse_others(selection, COLUMN_OPTIONS, f"{data!r}, which was saved as one split")
        return loaded
    refuse_others(selection, COLUMN_OPTIONS | {"split"}, repr(data))
    split = selection.split or DEFAULT_SPLIT
    if split not in loaded:
        raise DatasetError(f"{data!r} has no split {split!r}; it has {', '.join(loaded)}")
    return loaded[split]


def undecoded(table: Any, column: str) -> Any:
    """The table with its audio column alone, as path or bytes: our own decoder reads them."""
    files = table.select_columns([column])
    if isinstance(files.features[column], datasets.Audio):
        return files.cast_column(column, datasets.Audio(decode=False))
    return files


def class_names(table: Any, column: str) -> list[Any]:
    """The cells of a column, a class by its name; None where the class is not known."""
    cells = list(table[column])
    feature = table.features[column]
    if not isinstance(feature, datasets.ClassLabel):
        return cells
    return [None if cell is None or cell < 0 else feature.int2str(cell) for cell in cells]


def fetch(files: Any, row: int, column: str) -> Audio:
    """The file of a row; an empty one where the cell is null.

    Raises:
        DatasetError: the column holds something other than audio files.
    """
    cell = files[row][column]
    if isinstance(cell, dict):
        cell = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
    if cell is None:
        return b""
    if isinstance(cell, str):
        return Path(cell)
    if isinstance(cell, bytes):
        return cell
    raise DatasetError(f"column {column!r} holds no path and no bytes in row {row}; name another")
