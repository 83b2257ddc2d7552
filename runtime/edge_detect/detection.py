"""What the detector answers: a detection, or the failure of one source beside the rest."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from edge_detect.errors import EdgeDetectError
from edge_detect.manifest import Manifest

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""Where the encoder may run; "auto" takes CUDA where onnxruntime has it."""


@dataclass(frozen=True)
class ModelIdentity:
    """Which model answered."""

    name: str
    sha256: str
    """Hex digest of the package's manifest."""
    precision: str
    """Of the encoder graph."""


@dataclass(frozen=True)
class Detection:
    """The verdict on one source."""

    source: str
    label: str
    """The most probable class."""
    confidence: float
    """Probability of `label`, 0 to 1."""
    probabilities: dict[str, float]
    """Every class's probability, 0 to 1, in the model's order."""
    spoof_probability: float | None
    """Sum over the classes that are not bona fide; None where the model doesn't say which are."""
    duration_s: float
    mode: str
    """"whole": the clip was judged in one piece."""
    model: ModelIdentity
    device: str
    """"cpu" or "cuda"."""

    def to_dict(self) -> dict[str, Any]:
        """The record of the command's JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """Why one source has no verdict."""

    source: str
    error: EdgeDetectError

    def to_dict(self) -> dict[str, Any]:
        """The record of the command's JSON."""
        return {
            "source": self.source,
            "error": {"type": self.error.type, "message": self.error.message},
        }


def spoof_probability(probabilities: dict[str, float], manifest: Manifest) -> float | None:
    """Probability, 0 to 1, that the voice is synthetic; None where no label means bona fide."""
    if not manifest.bonafide_labels:
        return None
    return sum(p for label, p in probabilities.items() if label not in manifest.bonafide_labels)
