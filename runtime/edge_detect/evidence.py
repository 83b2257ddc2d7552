"""What one answer rests on: the file, the model, the machine, the rules; as JSON or a page.

Made twice of the same file by the same command on the same machine, it differs in its date alone.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal, TypeAlias

import av
import soundfile
import soxr

from edge_detect.bench import this_machine
from edge_detect.bench_report import Machine
from edge_detect.decoded import Encoding
from edge_detect.detection import Detection, Threshold
from edge_detect.detector import Detector
from edge_detect.manifest import Decision
from edge_detect.plot import Course
from edge_detect.session import CPU, CUDA
from edge_detect.windowing import Windowing
from edge_detect.witness import Witness

SCHEMA = 1

Basis: TypeAlias = Literal["model", "profile", "--threshold"]


@dataclass(frozen=True)
class Content:
    """What was judged."""

    name: str
    """As it was given: a path, an address, or - for standard input."""
    bytes: int
    sha256: str
    """Hex digest of the content that was decoded; of an address, what was fetched."""
    encoding: Encoding
    decoded_s: float
    """Seconds that could be read."""


@dataclass(frozen=True)
class Model:
    """What judged it."""

    name: str
    sha256: str
    """Hex digest of manifest.json, which names every other file with its own."""
    precision: str
    precision_reason: str
    device: str
    """"cpu" or "cuda"."""
    provider: str
    """onnxruntime's name for where the encoder ran."""
    cuts_silence: bool
    """Whether silence was cut out before the encoder."""


@dataclass(frozen=True)
class Rules:
    """What the verdict is by."""

    basis: Basis | None
    """Whose threshold it is; None where there is none, and so no verdict."""
    threshold: float | None
    """Spoof probability, 0 to 1, from which on a voice is called synthetic."""
    inconclusive_low: float | None
    inconclusive_high: float | None
    """Strictly between the two nothing is decided."""
    measured: Decision | None
    """What is known of these, with its error rates; None where nobody measured them."""
    calibration: str
    """Whether probabilities are calibrated, and by what."""
    profile_sha256: str | None
    """Of the calibration profile, where one was given."""
    windowing: Windowing
    """As it was asked for; `mode` of the answer says what came of it."""


@dataclass(frozen=True)
class Evidence:
    """All of it."""

    schema: int
    made_at: str
    """UTC, ISO 8601."""
    command: tuple[str, ...]
    """The words of the command line."""
    content: Content
    model: Model
    rules: Rules
    machine: Machine
    answer: Detection
    warnings: tuple[str, ...]
    """What the command warned of."""

    def to_dict(self) -> dict[str, Any]:
        """The record of the JSON; the answer is as the command's own JSON has it."""
        return asdict(self) | {"answer": self.answer.to_dict()}


def gather_evidence(
    witness: Witness, detection: Detection, detector: Detector, command: Sequence[str]
) -> Evidence:
    """The evidence of an answer that `witness` saw the detector give."""
    return Evidence(
        schema=SCHEMA,
        made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=tuple(command),
        content=Content(
            witness.name,
            witness.bytes,
            witness.sha256,
            witness.encoding,
            witness.seconds,
        ),
        model=Model(
            detector.model.name,
            detector.model.sha256,
            detector.model.precision,
            detector.precision_reason,
            detector.device,
            CUDA if detector.device == "cuda" else CPU,
            detector.manifest.cuts_silence,
        ),
        rules=rules_of(detector),
        machine=machine_of(detector),
        answer=detection,
        warnings=witness.warnings,
    )


def rules_of(detector: Detector) -> Rules:
    """What the detector decides by."""
    decision, profile = detector.decision, detector.profile
    basis: Basis = "profile" if profile else "model"
    if isinstance(decision, Threshold):
        basis = "--threshold"
    return Rules(
        basis=basis if decision else None,
        threshold=decision.threshold if decision else None,
        inconclusive_low=decision.inconclusive_low if decision else None,
        inconclusive_high=decision.inconclusive_high if decision else None,
        measured=decision if isinstance(decision, Decision) else None,
        calibration=calibration_of(detector),
        profile_sha256=profile.sha256 if profile else None,
        windowing=detector.windowing,
    )


def calibration_of(detector: Detector) -> str:
    """Whether probabilities mean what they say, as far as it was stated."""
    stated = detector.manifest.decision
    if detector.profile:
        decision = detector.profile.decision
        return f"by the profile, for {decision.spoof_prior:.0%} of synthetic speech"
    if stated:
        return (
            f"the model's own, which assumes {stated.spoof_prior:.0%} of synthetic speech; "
            f"Cllr {stated.cllr:.3g} on {stated.data}"
        )
    return "none is stated: a probability is the classifier's own and need not be a frequency"


def machine_of(detector: Detector) -> Machine:
    """This machine, with the versions of the decoders too."""
    machine = this_machine(detector.threads)
    decoders = {
        "soundfile": soundfile.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "soxr": soxr.__version__,
        "pyav": av.__version__,
        "ffmpeg": av.ffmpeg_version_info,
    }
    return replace(machine, versions=machine.versions | decoders)


def format_evidence(evidence: Evidence) -> str:
    """The text of the JSON."""
    return json.dumps(evidence.to_dict(), indent=2) + "\n"


def course_of(witness: Witness, detection: Detection, detector: Detector) -> Course:
    """What a plot of the answer draws."""
    return Course(detection, witness.envelope.outline(), detector.decision)
