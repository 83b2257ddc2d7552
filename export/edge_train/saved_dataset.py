"""How to tell a folder that is a Hugging Face dataset from one of labels."""

from pathlib import Path

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
