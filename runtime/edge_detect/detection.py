"""What the detector answers: a detection, or the failure of one source beside the rest."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from edge_detect.errors import EdgeDetectError
from edge_detect.manifest import Decision, Manifest

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""Where the encoder may run; "auto" takes CUDA where onnxruntime has it."""

Verdict: TypeAlias = Literal["bonafide", "spoof", "inconclusive"]
"""What a model's decision makes of a spoof probability."""


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
    """The answer for one source."""

    source: str
    label: str
    """The most probable class."""
    confidence: float
    """Probability of `label`, 0 to 1."""
    probabilities: dict[str, float]
    """Every class's probability, 0 to 1, in the model's order."""
    spoof_probability: float | None
    """Sum over the classes that are not bona fide; None where the model doesn't say which are."""
    verdict: Verdict | None
    """By the model's threshold and inconclusive band; None where its manifest has no decision."""
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


def verdict_of(spoof_probability: float, decision: Decision) -> Verdict:
    """What a decision makes of a probability: the threshold accuses, the band's ends judge."""
    if decision.inconclusive_low < spoof_probability < decision.inconclusive_high:
        return "inconclusive"
    return "spoof" if spoof_probability >= decision.threshold else "bonafide"
