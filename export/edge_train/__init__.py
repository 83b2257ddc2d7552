"""Trains a head on labelled clips and writes it, with its encoder, as a model package.

Example::

    from edge_train import train

    training = train("clips", "my-model", encoder="compact", bonafide_labels=["real"])
    print(training.record.best.test.accuracy)
"""

from typing import TYPE_CHECKING

from edge_detect.lazy import lazy_names

if TYPE_CHECKING:
    from edge_train.dataset import Selection
    from edge_train.errors import DatasetError, TrainError
    from edge_train.record import Record
    from edge_train.training import Training, train

__all__ = ["DatasetError", "Record", "Selection", "TrainError", "Training", "train"]

__getattr__ = lazy_names(
    __name__,
    {
        "DatasetError": "errors",
        "Record": "record",
        "Selection": "dataset",
        "TrainError": "errors",
        "Training": "training",
        "train": "training",
    },
)


def __dir__() -> list[str]:
    return __all__
