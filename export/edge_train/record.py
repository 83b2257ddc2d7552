"""What one training did: the content of metrics.json, and what the report tells."""

import json
from dataclasses import asdict, dataclass

from edge_detect.clips import LeftOut
from edge_train.metrics import Figures
from edge_train.split import LabelLeftOut

SCHEMA = 1


@dataclass(frozen=True)
class EncoderIdentity:
    """Which encoder made the embeddings."""

    name: str
    """As the caller named it."""
    sha256: str
    """Hex digest of the graph."""
    sample_rate: int
    """Hz."""
    hidden_size: int
    cuts_silence: bool
    """Whether silence was cut out of the clips first, as the package does with what it judges."""


@dataclass(frozen=True)
class LabelCounts:
    """How many clips of a label were learned and tested."""

    label: str
    train: int
    test: int


@dataclass(frozen=True)
class HeadResult:
    """One of the heads that were compared."""

    name: str
    """lr, svm or rf."""
    title: str
    cross_validation_macro_f1: float
    """On the training clips, 0 to 1: what the heads are compared by."""
    test: Figures


@dataclass(frozen=True)
class Misjudged:
    """A test clip that the chosen head took for something else."""

    name: str
    label: str
    judged: str
    probability: float
    """Of `judged`, 0 to 1."""


@dataclass(frozen=True)
class Record:
    """One training from its data to its figures; nothing in it depends on time or machine."""

    schema: int
    name: str
    """Of the model."""
    data: str
    """As the caller named it."""
    seed: int
    grouped_by: str | None
    encoder: EncoderIdentity
    bonafide_labels: tuple[str, ...]
    labels: tuple[LabelCounts, ...]
    clips_found: int
    """Every clip of DATA, those left out as well."""
    train_clips: int
    test_clips: int
    rule: str
    """How the head was chosen."""
    chosen: str
    """Name of the head in the package."""
    heads: tuple[HeadResult, ...]
    misjudged: tuple[Misjudged, ...]
    """By the chosen head, the surest mistake first."""
    warnings: tuple[str, ...]
    damaged: tuple[str, ...]
    """Clips that were used as far as they could be read."""
    left_out_labels: tuple[LabelLeftOut, ...]
    left_out: tuple[LeftOut, ...]
    versions: dict[str, str]

    @property
    def best(self) -> HeadResult:
        """The head in the package."""
        return next(head for head in self.heads if head.name == self.chosen)

    @property
    def label_names(self) -> tuple[str, ...]:
        """In the order of the probabilities and of the confusion matrix."""
        return tuple(counts.label for counts in self.labels)

    def to_json(self) -> str:
        """The text of metrics.json."""
        return json.dumps(asdict(self), indent=2) + "\n"
