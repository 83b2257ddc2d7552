"""What the training raises on purpose, under the runtime's exception tree.

::

    EdgeDetectError
    ├── DatasetError     dataset_invalid  the runtime's: clips or labels that can't be used
    └── TrainError       train_failed     no package was made
"""

from edge_detect.errors import DatasetError, EdgeDetectError

__all__ = ["DatasetError", "TrainError"]


class TrainError(EdgeDetectError):
    """The training stopped; no package was made."""

    type = "train_failed"
