"""What the export raises on purpose, under the runtime's exception tree.

::

    EdgeDetectError
    └── ExportError          export_failed    nothing was written
        ├── HubError         hub_failed       the Hugging Face hub did not give what was asked for
        ├── EncoderError     encoder_invalid  the Wav2Vec2 checkpoint can't be used
        ├── HeadError        head_invalid     the scaler or the classifier can't be used
        ├── DecisionError    decision_invalid the threshold and its measurements can't be used
        ├── ParityError      parity_failed    the graphs differ from torch and scikit-learn
        └── QualityError     quality_failed   a lower precision changes too many verdicts
"""

from edge_detect.errors import EdgeDetectError


class ExportError(EdgeDetectError):
    """The export stopped; nothing was written."""

    type = "export_failed"


class HubError(ExportError):
    """The Hugging Face hub did not give what was asked for."""

    type = "hub_failed"


class EncoderError(ExportError):
    """The Wav2Vec2 checkpoint can't be used."""

    type = "encoder_invalid"


class HeadError(ExportError):
    """The scaler or the classifier can't be used."""

    type = "head_invalid"


class DecisionError(ExportError):
    """The decision can't be meant, or not with the labels of this model."""

    type = "decision_invalid"


class ParityError(ExportError):
    """The exported graphs don't give what torch and scikit-learn give."""

    type = "parity_failed"


class QualityError(ExportError):
    """A graph of lower precision changes more verdicts than it may."""

    type = "quality_failed"


def first_line(error: BaseException) -> str:
    """What another library says went wrong, as far as it fits into a message of one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
