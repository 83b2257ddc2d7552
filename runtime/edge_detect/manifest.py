"""manifest.json of a model package: what its files are, how they were made, how to run them."""

import json
import math
import re
import types
import typing
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from edge_detect.errors import InvalidManifest

SCHEMA = 2
MANIFEST_FILE = "manifest.json"

DEVICES = ("cpu", "cuda")

# What schema 1 didn't say of a graph, and what it meant.
SINCE_SCHEMA_2: dict[str, Any] = {
    "devices": list(DEVICES),
    "quality": None,
    "speedup": {},
    "weights": None,
}


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
    labels: tuple[str, ...]
    """Classes in the order of the classifier's probabilities."""
    bonafide_labels: tuple[str, ...]
    """Those of `labels` that mean a real human voice; empty where nobody said."""
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
    """Read manifest.json; one of schema 1 comes back as schema 2.

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
    schema = data.get("schema")
    if schema == 1:
        data = from_schema_1(data)
    elif schema != SCHEMA:
        raise InvalidManifest(
            f"manifest.json has schema {schema!r}, this edge-detect reads 1 and {SCHEMA}; "
            "install the edge-detect that exported it"
        )
    manifest: Manifest = build(Manifest, data, "")
    check(manifest)
    return manifest


def from_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    """The parsed JSON of a schema 1 manifest as schema 2 would have it."""
    upgraded = {**data, "schema": SCHEMA}
    if isinstance(encoders := data.get("encoders"), list):
        upgraded["encoders"] = [
            graph_from_schema_1(graph, f"encoders[{i}]") for i, graph in enumerate(encoders)
        ]
    if "classifier" in data:
        upgraded["classifier"] = graph_from_schema_1(data["classifier"], "classifier")
    return upgraded


def graph_from_schema_1(graph: Any, where: str) -> Any:
    """One graph's record with what schema 1 didn't say; no record is left for `build` to refuse."""
    if not isinstance(graph, dict):
        return graph
    for key in SINCE_SCHEMA_2:
        if key in graph:
            raise unknown_key(f"{where}.{key}")
    return {**graph, **SINCE_SCHEMA_2}


def format_manifest(manifest: Manifest) -> str:
    """The text of manifest.json; `parse_manifest` gives the same manifest back."""
    check(manifest)
    return json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"


def build(kind: Any, value: Any, where: str) -> Any:
    """Build `kind` (a dataclass, tuple, dict, optional or scalar type) from parsed JSON."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else build(arguments[0], value, where)
    if origin is tuple:
        expect(value, list, where)
        return tuple(build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        expect(value, dict, where)
        return {key: build(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if hasattr(kind, "__dataclass_fields__"):
        return build_record(kind, value, where)
    if kind is float and type(value) is int:
        return float(value)
    expect(value, kind, where)
    return value


def build_record(kind: Any, value: Any, where: str) -> Any:
    """Build a dataclass whose keys must all be there, and no others."""
    expect(value, dict, where)
    hints = typing.get_type_hints(kind)
    names = [member.name for member in fields(kind)]
    prefix = f"{where}." if where else ""
    for key in value.keys() - set(names):
        raise unknown_key(prefix + key)
    for key in names:
        if key not in value:
            raise InvalidManifest(
                f"manifest.json lacks the key {prefix + key!r}; export the model again"
            )
    return kind(**{key: build(hints[key], value[key], prefix + key) for key in names})


def unknown_key(key: str) -> InvalidManifest:
    """The error that says which key this version doesn't know."""
    return InvalidManifest(
        f"manifest.json has the unknown key {key!r}; "
        "remove it, or install the edge-detect that wrote it"
    )


def expect(value: Any, kind: type, where: str) -> None:
    """Raise unless `value` is exactly of `kind` (so True is no int)."""
    if type(value) is not kind:
        raise InvalidManifest(
            f"manifest.json has {value!r:.60} at {where!r}, not a {kind.__name__}; "
            "export the model again"
        )


def check(manifest: Manifest) -> None:
    """Refuse values that parse and can't be meant."""
    graphs = (*manifest.encoders, manifest.classifier)
    files = [item for graph in graphs for item in graph.files.items()]
    for file, sha256 in (*files, *((clip.file, clip.sha256) for clip in manifest.golden)):
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


def require(holds: bool, what: str) -> None:
    """Raise with `what` is wrong unless it `holds`."""
    if not holds:
        raise InvalidManifest(f"manifest.json has {what}; export the model again")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the package in `folder`; raises InvalidManifest."""
    try:
        text = (folder / MANIFEST_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"can't read {str(folder / MANIFEST_FILE)!r}: {error}") from error
    return parse_manifest(text)
