"""A folder with a sub-folder for each label."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edge_detect.clips import Clip, Dataset, LeftOut, check_label, sort_out
from edge_detect.errors import DatasetError

# The detail of a clip that says in which folder of its label's it lies.
SUBFOLDER = "subfolder"


def read_folder(root: Path) -> Dataset:
    """Every file below a sub-folder of `root` is a clip, labelled by that sub-folder's name.

    Hidden files and folders are passed over; what lies beside the sub-folders is left out. A
    clip's detail `SUBFOLDER` is the folder of its label's folder that it lies in, at any depth.

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
        clips = [folder_clip(file, path, label) for file in files_below(path)]
        entries += clips
        if not clips:
            empty_labels.append(label)
    return sort_out(entries, empty_labels)


def folder_clip(file: Path, folder: Path, label: str) -> Clip:
    """A file below the folder of its label."""
    inside = file.relative_to(folder).parts[:-1]
    details = {SUBFOLDER: inside[0]} if inside else {}
    return Clip(str(file), label, None, partial(Path, file), details)


def visible(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, in the order of names."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def files_below(folder: Path) -> Iterator[Path]:
    """Every file at any depth, in the order of paths."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))
