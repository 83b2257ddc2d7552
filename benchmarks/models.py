"""What is run: a wav2vec2-base of random weights with a fitted head, and the model `compact`.

Random weights cost what trained ones cost, so the base model's speed and memory mean something; its
quantisation error is only indicative. `compact` is trained, so its figures mean something.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
import transformers
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

import edge_detect
import edge_export
from benchmarks.clips import RATE, clips_folder, labelled_clips, save_whole
from benchmarks.places import COMPACT, cache_folder, key_of, key_of_files
from edge_detect.manifest import read_manifest
from edge_export import export_package
from edge_export.checkpoint import open_checkpoint
from edge_export.conversion import Precision
from edge_export.encoder import load_encoder
from edge_export.graph import write_plain_graph
from edge_export.reference import TorchReference
from edge_export.whole import whole_or_nothing

SEED = 20_261_124
BASE_CONFIG: dict[str, Any] = {}  # transformers' defaults are wav2vec2-base
CPU_PRECISIONS = tuple(name for name in get_args(Precision) if name != "fp16")
LABELS = ("bonafide", "spoof")
FITTED_ON = ("clean", "quiet")  # conditions; the others are new to the head

CHECKPOINT = "checkpoint"
PLAIN = "plain/encoder.onnx"
HEAD = "head.npz"


@dataclass(frozen=True)
class Model:
    """One model, ready for every engine that can run it."""

    name: str
    package: Path
    """The model package that edge-detect runs."""
    folder: Path | None
    """Holds checkpoint/ (a Hugging Face folder), plain.onnx (torch's own export: waveform to
    embedding) and head.npz for the peers; None where only edge-detect runs the model."""
    described: str
    """What the weights are, for the page."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those of the package."""
        return tuple(graph.precision for graph in read_manifest(self.package).encoders)


def open_model(name: str) -> Model:
    """The model, made where the cache lacks it.

    Raises:
        SystemExit: no model of that name.
    """
    if name == "base":
        return base()
    if name == "compact":
        return Model("compact", COMPACT, None, "models/compact: 1.9 M parameters, trained")
    raise SystemExit(f"no model {name!r}; there are base and compact")


@cache
def base() -> Model:
    """wav2vec2-base: 94.4 M parameters."""
    config = Wav2Vec2Config(**BASE_CONFIG)
    weights = key_of([config.to_json_string(), str(SEED), torch.__version__])
    folder = cache_folder() / "models" / f"base-{weights}"
    if not (folder / CHECKPOINT).exists():
        save_checkpoint(config, folder / CHECKPOINT)
    write_plain(folder)
    scaler, classifier = fit_head(folder)
    save_head(scaler, classifier, folder / HEAD)
    package = folder / f"package-{exporter_key()}"
    if not package.exists():
        export_base(folder, scaler, classifier, package)
    described = f"wav2vec2-base, random weights (seed {SEED}), head fitted on the fixtures"
    return Model("base", package, folder, described)


def save_checkpoint(config: Wav2Vec2Config, folder: Path) -> None:
    """A Hugging Face folder of random weights."""
    torch.manual_seed(SEED)
    with whole_or_nothing(folder) as part:
        Wav2Vec2Model(config).save_pretrained(part)
        Wav2Vec2FeatureExtractor().save_pretrained(part)


def write_plain(folder: Path) -> None:
    """torch's own export of the checkpoint, as `edge-detect export --graph plain` has it."""
    path = folder / PLAIN
    if not path.exists():
        with whole_or_nothing(path.parent) as part:
            write_plain_graph(load_encoder(open_checkpoint(folder / CHECKPOINT)), part / path.name)


def export_base(folder: Path, scaler: Any, classifier: Any, out: Path) -> None:
    """The package as a user's own export makes it, in every precision."""
    export_package(
        folder / CHECKPOINT,
        scaler,
        classifier,
        out,
        labels=LABELS,
        name="base",
        graph="fast",
        precisions=CPU_PRECISIONS,
        # Random weights: the quality table shows what it costs, nothing is published.
        max_flips=1.0,
    )


def exporter_key() -> str:
    """Changes with the code and the libraries that have a hand in a package."""
    exporter = Path(edge_export.__file__).parent.glob("*.py")
    manifest = Path(edge_detect.__file__).with_name("manifest.py")
    return key_of(
        [key_of_files([*exporter, manifest]), torch.__version__, transformers.__version__]
    )


@cache
def torch_reference(checkpoint: Path) -> TorchReference:
    """torch and transformers on the weights."""
    return TorchReference(load_encoder(open_checkpoint(checkpoint)))


def reference_embedding(model: Model, clip: Path) -> np.ndarray:
    """torch's embedding of a .npy clip: float32 (hidden,), kept beside the model.

    Raises:
        ValueError: there are no weights for torch.
    """
    if model.folder is None:
        raise ValueError(f"the model {model.name!r} has no checkpoint for torch")
    return cached_embedding(model.folder, clip)


def cached_embedding(folder: Path, clip: Path) -> np.ndarray:
    """torch's embedding, computed once."""
    path = folder / f"references-{clips_folder().name}" / clip.name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        save_whole(path, torch_reference(folder / CHECKPOINT).embed(np.load(clip)))
    return np.load(path)


def fit_head(folder: Path) -> tuple[StandardScaler, LogisticRegression]:
    """A scaler and a logistic regression on torch's embeddings of half of the labelled clips."""
    clips = [clip for clip in labelled_clips() if clip.condition in FITTED_ON]
    embeddings = np.stack([cached_embedding(folder, clip.path) for clip in clips])
    targets = [LABELS.index(clip.label) for clip in clips]
    scaler = StandardScaler().fit(embeddings)
    return scaler, LogisticRegression(max_iter=2000).fit(scaler.transform(embeddings), targets)


def save_head(scaler: StandardScaler, classifier: LogisticRegression, path: Path) -> None:
    """The head as arrays, for environments without scikit-learn."""
    with path.open("wb") as file:
        np.savez(
            file,
            mean=scaler.mean_,
            scale=scaler.scale_,
            weight=classifier.coef_[0],
            bias=classifier.intercept_[0],
        )


def model_record(model: Model) -> dict[str, Any]:
    """What a results file says of the model."""
    manifest = read_manifest(model.package)
    return {
        "name": model.name,
        "described": model.described,
        "sample_rate": RATE,
        "graphs": {graph.precision: graph.files for graph in manifest.encoders},
        "exported_max_abs": manifest.parity.embedding_max_abs,
        "files_mb": {
            graph.precision: sum((model.package / file).stat().st_size for file in graph.files)
            / 1e6
            for graph in manifest.encoders
        },
        "versions": manifest.versions,
    }
