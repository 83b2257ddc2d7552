"""Whether this machine computes what a model's makers computed, by the package's golden clips.

The golden clips' right answers are the reference pipeline's; each precision may be this far off:

- fp32, and a precision whose quality nobody measured, is held to the bounds that every export
  keeps: the same label, probabilities within 1e-5, and the embedding within 1e-5 where the manifest
  records that the export kept this, as graphs built from the weights have to. The graphs of torch's
  exporter and of others may be 1e-4 off, and so may every graph on another device than the CPU, on
  which no export is proven. The recorded differences themselves are no bounds: another processor
  adds in another order.
- A precision of stated quality may be as far from fp32 as it was on the clips of that record, and
  fp32 as far from the right answers as above. Of the probabilities the record has the largest
  difference, of the embeddings only the smallest cosine c: embeddings e of one length and that
  cosine are |e| sqrt(2 (1 - c)) apart, and so is at most each component. |e| is that of the
  shortest golden embedding. Labels may differ, as their rate is stated. The golden clips are none
  of the record's: a graph that does worse on them than on the worst of those fails.

- A precision that has answers of its own in the package is held to those besides, on the kind of
  CPU that gave them: recorded.py says how.

A change of the weights that moves the answers by less than this is not seen in them: of 60 single
ones, by the deviation of their tensor, 5 in fp32, 4 in int8, and most in fp16. The file's
sha256 shows every change; where the manifest was changed to match, its own differs from the one
that was published.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from edge_detect.bench import distance, this_machine
from edge_detect.bench_report import Distance, Machine
from edge_detect.detection import Device
from edge_detect.detector import Detector
from edge_detect.errors import (
    DeviceUnavailable,
    EdgeDetectError,
    InvalidManifest,
    ModelCorrupted,
    ModelError,
)
from edge_detect.manifest import Graph, Manifest, Quality, Recorded
from edge_detect.processor import cpu_kind, processor_features, usable_cpus
from edge_detect.recorded import AGREES_MAX_ABS, LEAST_SHARE, Agreement, agreement
from edge_detect.store import ModelPackage
from edge_detect.windowing import WHOLE

SCHEMA = 1

DEVICES: tuple[Device, ...] = ("cpu", "cuda")

# The bounds of an export, as edge_export.parity has them.
EMBEDDING_MAX_ABS = 1e-4
BUILT_EMBEDDING_MAX_ABS = 1e-5
PROBABILITY_MAX_ABS = 1e-5

REMEDY = "install the model and onnxruntime again, or use another precision or device"


@dataclass(frozen=True)
class FileCheck:
    """A file that the manifest names."""

    file: str
    """Path relative to the package folder."""
    sha256: str
    """Hex digest that the manifest states."""
    problem: str | None
    """What is wrong with it, and the remedy; None where its content has that digest."""


@dataclass(frozen=True)
class Tolerance:
    """How far the answers to golden clips may be from the right ones."""

    embedding_max_abs: float
    probability_max_abs: float
    labels_differ: int | None
    """Clips whose most probable class may be another; None for any number."""
    basis: str
    """What the numbers rest on."""


@dataclass(frozen=True)
class PrecisionCheck:
    """The golden clips, in one precision on one device."""

    precision: str
    device: str
    """"cpu" or "cuda"."""
    tolerance: Tolerance
    distance: Distance | None
    """What was found; None where there was no answer."""
    agreement: Agreement | None
    """With the graph's own answers at export; None where there are none of this kind of CPU."""
    problem: str | None
    """Why it fails, and the remedy; None where it passes."""


@dataclass(frozen=True)
class NotRun:
    """A precision that the package has for a device that can't be used here."""

    precision: str
    device: str
    reason: str
    """Why not, and what would help."""


@dataclass(frozen=True)
class Certificate:
    """What was checked of a package on this machine, and what came of it."""

    schema: int
    passed: bool
    """Whether every file and precision passes, and a precision was run at all."""
    model: str
    model_sha256: str
    """Hex digest of manifest.json."""
    machine: Machine
    cpu_features: tuple[str, ...]
    """What the system says of the first processor, sorted; none where it says nothing."""
    files: tuple[FileCheck, ...]
    checks: tuple[PrecisionCheck, ...]
    not_run: tuple[NotRun, ...]


def verify(package: ModelPackage) -> Certificate:
    """Check every file of a package, and every precision on every device that works here.

    Raises:
        ModelError: the package has no golden clips, or their answers can't be compared.
    """
    check_golden(package.manifest)
    files = tuple(check_file(package, *item) for item in package.files.items())
    results = [
        check_precision(package, graph, device)
        for graph in package.manifest.encoders
        for device in DEVICES
        if device in graph.devices
    ]
    checks = tuple(result for result in results if isinstance(result, PrecisionCheck))
    problems = [*(file.problem for file in files), *(check.problem for check in checks)]
    return Certificate(
        schema=SCHEMA,
        passed=bool(checks) and not any(problems),
        model=package.manifest.name,
        model_sha256=package.sha256,
        machine=this_machine(usable_cpus()),
        cpu_features=tuple(sorted(processor_features())),
        files=files,
        checks=checks,
        not_run=tuple(result for result in results if isinstance(result, NotRun)),
    )


def check_golden(manifest: Manifest) -> None:
    """Refuse golden clips that prove nothing.

    Raises:
        ModelError: there are none.
        InvalidManifest: an answer is not finite, or of another width than the model's.
    """
    if not manifest.golden:
        raise ModelError(
            f"the model {manifest.name!r} has no golden clip whose answer could be verified; "
            "export it again"
        )
    for clip in manifest.golden:
        widths = (len(clip.embedding), len(clip.probabilities))
        expected = (manifest.hidden_size, len(manifest.labels))
        if widths != expected or not np.isfinite([*clip.embedding, *clip.probabilities]).all():
            raise InvalidManifest(
                f"manifest.json has {widths[0]} and {widths[1]} values as the answer to "
                f"{clip.file!r}, not {expected[0]} and {expected[1]} finite ones; "
                "export the model again"
            )


def check_file(package: ModelPackage, file: str, sha256: str) -> FileCheck:
    """Whether a file's content is what the manifest says."""
    try:
        package.verify_file(file, sha256)
    except ModelCorrupted as error:
        return FileCheck(file, sha256, error.message)
    return FileCheck(file, sha256, None)


def check_precision(package: ModelPackage, graph: Graph, device: Device) -> PrecisionCheck | NotRun:
    """Judge the golden clips in a graph's precision on a device."""
    tolerance = tolerance_of(package.manifest, graph, device)
    try:
        detector = Detector(package, graph.precision, device, None, windowing=WHOLE)
        found = distance(package, detector)
        same = agreement_of(package, graph, detector)
    except DeviceUnavailable as error:
        return NotRun(graph.precision, device, error.message)
    except EdgeDetectError as error:
        return PrecisionCheck(graph.precision, device, tolerance, None, None, error.message)
    problem = problem_of(found, same, tolerance)
    return PrecisionCheck(graph.precision, device, tolerance, found, same, problem)


def agreement_of(package: ModelPackage, graph: Graph, detector: Detector) -> Agreement | None:
    """A detector's agreement with its graph's own answers, where they are of this kind of CPU."""
    if not graph.recorded or not answered_alike(graph.recorded, detector.device):
        return None
    rate = package.manifest.sample_rate
    return agreement(package, graph.recorded, lambda waveform: detector.embed((waveform, rate)))


def answered_alike(recorded: Recorded, device: str) -> bool:
    """Whether this device has to give the answers that were recorded."""
    return device == "cpu" and recorded.cpu_kind == cpu_kind()


def tolerance_of(manifest: Manifest, graph: Graph, device: Device) -> Tolerance:
    """How far a graph's answers may be off; the module's docstring says why."""
    tolerance = exact_tolerance(manifest, device)
    if graph.quality:
        tolerance = widened(tolerance, graph.quality, manifest)
    if graph.recorded:
        said = f"{tolerance.basis}; {recorded_basis(graph.recorded, device)}"
        tolerance = replace(tolerance, basis=said)
    return tolerance


def recorded_basis(recorded: Recorded, device: Device) -> str:
    """Which part the answers that were recorded have in a judgement."""
    if answered_alike(recorded, device):
        return (
            f"{LEAST_SHARE:.0%} of the excerpts within {AGREES_MAX_ABS:.0e} of its own answers, "
            f"recorded on {recorded.cpu_kind}"
        )
    return f"its own answers are of {recorded.cpu_kind} and not compared on {cpu_kind()}"


def exact_tolerance(manifest: Manifest, device: Device) -> Tolerance:
    """What every export keeps."""
    built = device == "cpu" and manifest.parity.embedding_max_abs <= BUILT_EMBEDDING_MAX_ABS
    bound = BUILT_EMBEDDING_MAX_ABS if built else EMBEDDING_MAX_ABS
    return Tolerance(bound, PROBABILITY_MAX_ABS, 0, "the bounds of an export")


def widened(exact: Tolerance, quality: Quality, manifest: Manifest) -> Tolerance:
    """What the quality of a lower precision allows besides; one that is no number, nothing."""
    shortest = min(math.hypot(*clip.embedding) for clip in manifest.golden)
    apart = shortest * math.sqrt(max(0.0, 2 * (1 - quality.cosine_min)))
    return Tolerance(
        embedding_max_abs=exact.embedding_max_abs + apart,
        probability_max_abs=exact.probability_max_abs + max(0.0, quality.probability_max_abs),
        labels_differ=None,
        basis=f"{exact.basis}, and its quality on {quality.clips} clips: {quality.source}",
    )


def problem_of(found: Distance, same: Agreement | None, tolerance: Tolerance) -> str | None:
    """What is out of tolerance, and the remedy."""
    said = []
    for what, off, most in (
        ("embedding", found.embedding_max_abs, tolerance.embedding_max_abs),
        ("probability", found.probability_max_abs, tolerance.probability_max_abs),
    ):
        if off > most:
            said.append(f"the {what} is {off:.1e} off, at most {most:.1e} is allowed")
    if tolerance.labels_differ is not None and found.labels_differ > tolerance.labels_differ:
        said.append(f"{found.labels_differ} of {found.clips} labels are others")
    if same and same.agreeing < same.least:
        said.append(
            f"{same.agreeing} of {same.excerpts} excerpts are answered as at export, at least "
            f"{same.least} have to be"
        )
    return f"{', '.join(said)}; {REMEDY}" if said else None
