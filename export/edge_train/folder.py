"""A folder with a sub-folder for each label, and how to tell it from a Hugging Face dataset."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edge_train.clips import Clip, Dataset, LeftOut, check_label, sort_out
from edge_train.errors import DatasetError

# What `save_to_disk` of `datasets` leaves in a folder, for one split and for several.
SAVED_DATASET = ("state.json", "dataset_dict.json")
# Where a dataset that was downloaded, or written by `to_parquet`, has its tables.
DATASET_TABLES = ("*.parquet", "data/*.parquet")


def holds_dataset(folder: Path) -> bool:
    """Whether a folder is a Hugging Face dataset."""
    return is_saved_dataset(folder) or any(
        next(folder.glob(pattern), None) for pattern in DATASET_TABLES
    )


def is_saved_dataset(folder: Path) -> bool:
    """Whether `save_to_disk` of `datasets` wrote the folder."""
    return any((folder / name).is_file() for name in SAVED_DATASET)


def read_folder(root: Path) -> Dataset:
    """Every file below a sub-folder of `root` is a clip, labelled by that sub-folder's name.

    Hidden files and folders are passed over; what lies beside the sub-folders is left out.

    Raises:
        DatasetError: no sub-folder, or a label that can't be printed.
    """
    entries: list[Clip | LeftOut] = []
    empty_labels = []
    if not any(path.is_dir() for path in visible(root)):
        raise DatasetError(f"{str(root)!r} has no sub-folders; put each label's clips into its own")
    for path in visible(root):
        if not path.is_dir():
            message = f"{str(path)!r} lies in no label's folder"
            entries.append(LeftOut(str(path), "unlabelled", message))
            continue
        label = check_label(path.name)
        clips = [Clip(str(file), label, None, partial(Path, file)) for file in files_below(path)]
        entries += clips
        if not clips:
            empty_labels.append(label)
    return sort_out(entries, empty_labels)


def visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, in the order of names."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def files_below(folder: Path) -> Iterator[Path]:
    """Every file at any depth, in the order of paths."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))
