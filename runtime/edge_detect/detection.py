"""What the detector answers: a detection, or the failure of one source beside the rest."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from edge_detect.errors import EdgeDetectError
from edge_detect.manifest import Decision, Manifest

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""Where the encoder may run; "auto" takes CUDA where onnxruntime has it."""

BYTES_NAME = "<bytes>"
"""Source of what was given as the bytes of a file."""

NO_SPEECH = "no_speech"
"""State of a window in which nothing is louder than the silence limit."""

Verdict: TypeAlias = Literal["bonafide", "spoof", "inconclusive"]
"""What a model's decision makes of a spoof probability."""


@dataclass(frozen=True)
class Threshold:
    """A caller's own decision: no inconclusive band, and nothing measured."""

    threshold: float
    """Spoof probability, 0 to 1, from which on a voice is called synthetic."""

    @property
    def inconclusive_low(self) -> float:
        """The band is empty."""
        return self.threshold

    @property
    def inconclusive_high(self) -> float:
        """The band is empty."""
        return self.threshold


@dataclass(frozen=True)
class ModelIdentity:
    """Which model answered."""

    name: str
    sha256: str
    """Hex digest of the package's manifest."""
    precision: str
    """Of the encoder graph."""


@dataclass(frozen=True)
class Window:
    """One window of a recording and its own score."""

    start_s: float
    end_s: float
    state: str
    """The verdict, or the label where the model's manifest has no decision; NO_SPEECH."""
    spoof_probability: float | None
    """As a detection's; None of a window without speech too."""


@dataclass(frozen=True)
class Segment:
    """Windows of one state that follow one another."""

    start_s: float
    """Halfway through what its first window shares with the one before."""
    end_s: float
    state: str
    spoof_probability: float | None
    """Mean over the windows."""


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
    """By the threshold and inconclusive band of the model or the profile; None without either."""
    duration_s: float
    mode: str
    """"whole": the clip was judged in one piece; "windows": window by window."""
    model: ModelIdentity
    device: str
    """"cpu" or "cuda"."""
    windows: tuple[Window, ...] = ()
    """In the order of time; none where the clip was judged whole."""
    segments: tuple[Segment, ...] = ()
    """The same merged: they follow one another from the start to the end of the recording."""
    profile_sha256: str | None = None
    """Of the calibration profile that probabilities and verdict are by; None: no profile."""

    def to_dict(self) -> dict[str, Any]:
        """The record of the command's JSON; windows, segments and profile only where they are."""
        record = asdict(self)
        if not self.windows:
            del record["windows"], record["segments"]
        if self.profile_sha256 is None:
            del record["profile_sha256"]
        return record


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


def verdict_of(spoof_probability: float, decision: Decision | Threshold) -> Verdict:
    """What a decision makes of a probability: the threshold accuses, the band's ends judge."""
    if decision.inconclusive_low < spoof_probability < decision.inconclusive_high:
        return "inconclusive"
    return "spoof" if spoof_probability >= decision.threshold else "bonafide"
