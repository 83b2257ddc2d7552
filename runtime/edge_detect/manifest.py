"""manifest.json of a model package: what its files are, how they were made, how to run them."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from edge_detect.errors import InvalidManifest
from edge_detect.records import InvalidRecord, UnknownKey, build, require
from edge_detect.schemas import upgraded

MANIFEST_FILE = "manifest.json"

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Quality:
    """How far a graph of lower precision is from fp32's reference, over clips with speech."""

    source: str
    """What the clips are."""
    clips: int
    cosine_min: float
    """Smallest cosine between the embeddings of a clip, -1 to 1."""
    cosine_mean: float
    probability_max_abs: float
    """Largest difference of a class's probability, 0 to 1."""
    probability_mean_abs: float
    flips: int
    """Clips whose label differs from the reference's."""
    flip_rate_low: float
    """Lower end of Wilson's 95 % interval of the rate of flips, 0 to 1."""
    flip_rate_high: float
    """Its upper end."""
    eer: float | None
    """Equal error rate of this precision, 0 to 1; None where the clips carry no labels."""
    eer_reference: float | None
    """The reference's on the same clips."""


@dataclass(frozen=True)
class WeightsFile:
    """A file that onnxruntime maps into memory instead of reading it."""

    file: str
    """Path relative to the package folder."""
    sha256: str
    """Hex digest of the file."""


@dataclass(frozen=True)
class Recorded:
    """What a graph of lower precision itself answered at export; `recorded.py` says what for."""

    file: str
    """Embeddings, little-endian float32 (excerpts, hidden), relative to the package folder."""
    sha256: str
    """Hex digest of the file."""
    cpu_kind: str
    """The kind of CPU (`processor.cpu_kind`) that answered: they differ in int8's sums."""
    samples: int
    """Length of each excerpt of the golden clips."""
    starts: tuple[int, ...]
    """Samples before each excerpt, where the golden clips stand one behind another."""


@dataclass(frozen=True)
class Graph:
    """One ONNX file of the package."""

    file: str
    """Path relative to the package folder."""
    sha256: str
    """Hex digest of the file."""
    precision: str
    """Of weights and arithmetic: fp32, fp16, int8, …"""
    input: str
    """Name of the input tensor: waveform (batch, samples) or embedding (batch, hidden)."""
    output: str
    """Name of the output tensor: embedding (batch, hidden) or probabilities (batch, classes)."""
    devices: tuple[str, ...] = DEVICES
    """Where it may run: those of "cpu" and "cuda"."""
    quality: Quality | None = None
    """What a lower precision costs; None for fp32, and where nobody measured."""
    speedup: dict[str, float] = field(default_factory=dict)
    """Kind of CPU (`processor.cpu_kind`) to how many times as fast as the package's fp32 graph it
    is there: one clip of 4 s, one thread, measured at export. Empty for fp32."""
    weights: WeightsFile | None = None
    """The weights of a large graph, which stand beside it; None where they are inside."""
    recorded: Recorded | None = None
    """Its own answers; None for fp32, for GPUs, and where rounding makes them unsteady."""

    @property
    def files(self) -> dict[str, str]:
        """Every file of the graph, with its sha256."""
        own = {self.file: self.sha256}
        return own | {self.weights.file: self.weights.sha256} if self.weights else own


@dataclass(frozen=True)
class GoldenClip:
    """A clip whose right answer is known: the proof that a machine computes what training did."""

    file: str
    """Audio at the model's sample rate, relative to the package folder."""
    sha256: str
    """Hex digest of the file."""
    embedding: tuple[float, ...]
    """The reference pipeline's embedding, (hidden,)."""
    probabilities: tuple[float, ...]
    """The reference pipeline's probabilities, in the order of `labels`."""


@dataclass(frozen=True)
class Provenance:
    """Where the weights come from."""

    encoder: str
    """Hub id or folder name of the encoder."""
    encoder_revision: str | None
    """Commit of the hub repository, None for a local folder."""
    encoder_sha256: str
    """Hex digest of the encoder's weights file."""
    classifier: str
    """What the scaler and the classifier were read from."""


@dataclass(frozen=True)
class Parity:
    """Largest differences from the torch + scikit-learn pipeline, over the export's clips."""

    clips: int
    max_seconds: float
    """Duration of the longest clip compared."""
    embedding_max_abs: float
    embedding_min_cosine: float
    probability_max_abs: float


@dataclass(frozen=True)
class Decision:
    """Where a model's verdict changes, and how often it was wrong on the clips of `data`.

    Rates are shares of clips, 0 to 1; `_low` and `_high` are the ends of their 95 % interval
    (Wilson, 1927), which takes clips for independent: many from one source make it too narrow.
    """

    threshold: float
    """Spoof probability, 0 to 1, from which on (itself too) a clip is accused."""
    inconclusive_low: float
    """Spoof probabilities strictly between this, at most the threshold, …"""
    inconclusive_high: float
    """… and this, at least the threshold, are inconclusive; both equal it where none are."""
    spoof_prior: float
    """The share of synthetic speech that the probabilities assume, between 0 and 1."""
    data: str
    """Which clips were measured."""
    real_clips: int
    """Number of real ones among them."""
    spoof_clips: int
    """Number of synthetic ones."""
    false_positive_rate: float
    """Share of the real clips that are at the threshold or above it."""
    false_positive_rate_low: float
    false_positive_rate_high: float
    miss_rate: float
    """Share of the synthetic clips that are below the threshold."""
    miss_rate_low: float
    miss_rate_high: float
    error_rate_outside: float
    """Share of the conclusive clips, real and synthetic in the numbers above, judged wrongly."""
    error_rate_outside_low: float
    error_rate_outside_high: float
    inconclusive_rate: float
    """Share of all clips that are inconclusive."""
    cllr: float
    """Cost of the log-likelihood ratios in bits (Brümmer, 2006): 0 is perfect, 1 says nothing."""


@dataclass(frozen=True)
class Manifest:
    """The whole of manifest.json; unknown or missing keys are refused."""

    schema: int
    name: str
    sample_rate: int
    """Hz of the waveform that the encoder takes."""
    min_samples: int
    """Receptive field of the encoder: the shortest waveform that gives one frame."""
    hidden_size: int
    """Width of the embedding."""
    normalize: bool
    """Whether the encoder graph brings each clip to zero mean and unit variance first."""
    cuts_silence: bool
    """Whether silence is cut out of what is judged before the encoder graph, as it was out of the
    clips that the model was trained on."""
    labels: tuple[str, ...]
    """Classes in the order of the classifier's probabilities."""
    bonafide_labels: tuple[str, ...]
    """Those of `labels` that mean a real human voice; empty where nobody said."""
    decision: Decision | None
    """When a verdict is spoof, bona fide or inconclusive; None where nobody measured."""
    encoders: tuple[Graph, ...]
    """The encoder graph, once for each precision."""
    classifier: Graph
    golden: tuple[GoldenClip, ...]
    provenance: Provenance
    licence: str
    parity: Parity
    versions: dict[str, str]
    """Package name to version, of what exported it."""


def parse_manifest(text: str) -> Manifest:
    """Read manifest.json; one of an older schema comes back as the newest.

    Raises:
        InvalidManifest: no JSON, another schema, an unknown or missing key, or a wrong value.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(
            f"manifest.json is no JSON ({error}); export the model again"
        ) from error
    if not isinstance(data, dict):
        raise InvalidManifest("manifest.json holds no object; export the model again")
    with invalid_manifest():
        manifest: Manifest = build(Manifest, upgraded(data), "")
        check(manifest)
    return manifest


@contextmanager
def invalid_manifest() -> Iterator[None]:
    """Say of what is wrong with a record that it stands in manifest.json, and the remedy."""
    try:
        yield
    except UnknownKey as error:
        raise InvalidManifest(
            f"manifest.json {error}; remove it, or install the edge-detect that wrote it"
        ) from error
    except InvalidRecord as error:
        raise InvalidManifest(f"manifest.json {error}; export the model again") from error


def format_manifest(manifest: Manifest) -> str:
    """The text of manifest.json; `parse_manifest` gives the same manifest back."""
    with invalid_manifest():
        check(manifest)
    return json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"


def check(manifest: Manifest) -> None:
    """Refuse values that parse and can't be meant."""
    graphs = (*manifest.encoders, manifest.classifier)
    files = [item for graph in graphs for item in graph.files.items()]
    files += [(clip.file, clip.sha256) for clip in manifest.golden]
    files += [(own.file, own.sha256) for graph in graphs if (own := graph.recorded)]
    for file, sha256 in files:
        path = PurePosixPath(file)
        require(
            bool(path.parts)
            and not path.is_absolute()
            and ".." not in path.parts
            and "\\" not in file,
            f"the file {file!r} outside of the package",
        )
        require(
            re.fullmatch("[0-9a-f]{64}", sha256) is not None,
            f"no sha256 in hex for {file!r}",
        )
    for graph in graphs:
        check_graph(graph)
    precisions = [graph.precision for graph in manifest.encoders]
    require(bool(precisions), "no encoder graph")
    require(len(set(precisions)) == len(precisions), f"a precision twice: {precisions}")
    require(len(manifest.labels) > 1, "fewer than two labels")
    require(len(set(manifest.labels)) == len(manifest.labels), f"a label twice: {manifest.labels}")
    for label in manifest.bonafide_labels:
        require(label in manifest.labels, f"the bona fide label {label!r}, which is no label")
    if manifest.decision:
        check_decision(manifest.decision, manifest.labels, manifest.bonafide_labels)
    require(manifest.sample_rate > 0, f"the sample rate {manifest.sample_rate}")
    require(manifest.min_samples > 0, f"{manifest.min_samples} minimum samples")


def check_graph(graph: Graph) -> None:
    """Refuse a graph that could run nowhere, and measurements that can't have been taken."""
    require(
        bool(graph.devices) and set(graph.devices) <= set(DEVICES),
        f"the devices {', '.join(graph.devices) or '(none)'} for {graph.file!r}",
    )
    for kind, speedup in graph.speedup.items():
        require(
            math.isfinite(speedup) and speedup > 0,
            f"the speedup {speedup} on {kind!r} for {graph.file!r}",
        )
    if graph.quality:
        quality = graph.quality
        require(
            0 <= quality.flips <= quality.clips and quality.clips > 0,
            f"{quality.flips} flips of {quality.clips} clips for {graph.file!r}",
        )
    if graph.recorded:
        samples, starts = graph.recorded.samples, graph.recorded.starts
        require(samples > 0, f"excerpts of {samples} samples for {graph.file!r}")
        require(bool(starts) and min(starts) >= 0, f"excerpts from {starts} on for {graph.file!r}")


def check_decision(
    decision: Decision, labels: tuple[str, ...], bonafide_labels: tuple[str, ...]
) -> None:
    """Refuse a decision that these labels can't have.

    Raises:
        InvalidRecord: no label means bona fide, or every one does; or a value is impossible.
    """
    require(bool(bonafide_labels), "a decision where no label means bona fide")
    require(set(labels) > set(bonafide_labels), "a decision where every label means bona fide")
    check_decision_values(decision)


def check_decision_values(decision: Decision) -> None:
    """Refuse a decision whose values no measurement gives; raises InvalidRecord."""
    d = decision
    require(0 < d.spoof_prior < 1, f"the prior {d.spoof_prior} of synthetic speech")
    require(bool(d.data.strip()), "a decision without the name of its data")
    for clips in (d.real_clips, d.spoof_clips):
        require(clips > 0, f"a decision measured on {clips} clips of a class")
    for what, low, value, high in (
        ("threshold", d.inconclusive_low, d.threshold, d.inconclusive_high),
        (
            "false positive rate",
            d.false_positive_rate_low,
            d.false_positive_rate,
            d.false_positive_rate_high,
        ),
        ("miss rate", d.miss_rate_low, d.miss_rate, d.miss_rate_high),
        (
            "error rate outside of the band",
            d.error_rate_outside_low,
            d.error_rate_outside,
            d.error_rate_outside_high,
        ),
        ("rate of inconclusive clips", 0.0, d.inconclusive_rate, 1.0),
    ):
        # Nothing that isn't finite passes.
        require(0 <= low <= value <= high <= 1, f"the {what} {value}, not within {low} to {high}")
    require(0 <= d.cllr < math.inf, f"the Cllr {d.cllr}")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the package in `folder`; raises InvalidManifest."""
    try:
        text = (folder / MANIFEST_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"can't read {str(folder / MANIFEST_FILE)!r}: {error}") from error
    return parse_manifest(text)
