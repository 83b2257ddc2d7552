"""DATA, in whichever form it comes: a folder of labels, a list, or a Hugging Face dataset."""

from pathlib import Path

from edge_detect.clips import COLUMN_OPTIONS, Dataset, Selection, refuse_others
from edge_detect.errors import DatasetError
from edge_detect.label_folder import read_folder
from edge_detect.listing import read_listing
from edge_export.checkpoint import HUB_ID
from edge_train.saved_dataset import holds_dataset

__all__ = ["Selection", "read_dataset"]


def read_dataset(data: str, selection: Selection) -> Dataset:
    """Find out what `data` is and list its clips; nothing is decoded yet.

    An existing file is a CSV or JSON Lines list. A folder with the files of a saved Hugging Face
    dataset, or with parquet tables in it or in its `data`, is such a dataset; any other folder has
    a sub-folder for each label. What doesn't exist and looks like `owner/name` is asked of the hub.

    Raises:
        DatasetError: none of these, or it can't be read, or `selection` asks for what it hasn't.
    """
    path = Path(data)
    if path.is_file():
        refuse_others(selection, COLUMN_OPTIONS, f"the list {data!r}")
        return read_listing(path, selection)
    if path.is_dir() and not holds_dataset(path):
        refuse_others(selection, set(), f"{data!r}, a folder of labels; give a list instead")
        return read_folder(path)
    if not path.exists() and not HUB_ID.fullmatch(data):
        raise DatasetError(
            f"no file or folder {data!r}, and it is no hub id (owner/name); check it"
        )
    from edge_train.huggingface import read_huggingface  # pyarrow and pandas: 1 s

    return read_huggingface(data, selection)
