"""What the training raises on purpose, under the runtime's exception tree.

::

    EdgeDetectError
    └── TrainError       train_failed     no package was made
        └── DatasetError dataset_invalid  the clips or their labels can't be trained on
"""

from edge_detect.errors import EdgeDetectError


class TrainError(EdgeDetectError):
    """The training stopped; no package was made."""

    type = "train_failed"


class DatasetError(TrainError):
    """The clips or their labels can't be trained on."""

    type = "dataset_invalid"
