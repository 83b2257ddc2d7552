"""A Wav2Vec2 checkpoint on disk: a local Hugging Face folder, or one fetched from the hub."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge_export.errors import EncoderError
from edge_export.hub import Snapshot, open_snapshot

CONFIG_FILE = "config.json"

# What the preprocessor does: a file of its own, or a part of the processor's since transformers 5.
PREPROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"

# Weights as pickles (*.bin) are never asked for: reading one runs code.
WEIGHTS_FILE = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"

# Where `optimum-cli export onnx` writes a graph, and where the hub's repositories have it. Their
# quantised siblings (model_quantized.onnx, ...) are another function and can't prove parity.
GRAPH_FILES = ("model.onnx", "onnx/model.onnx")

# Added to a graph's name: the file of its weights, where they are not inside (optimum, torch).
EXTERNAL_DATA = ("_data", ".data")

SAVE_IT = "save it by model.save_pretrained(folder)"

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True)
class Checkpoint:
    """A folder with config.json, and safetensors weights or an ONNX graph."""

    folder: Path
    origin: str
    """Hub id, or the folder's name."""
    revision: str | None
    """Commit of the hub repository, None for a local folder."""

    @property
    def weights(self) -> list[Path]:
        """The safetensors files; none where there is an ONNX graph only."""
        single, index = self.folder / WEIGHTS_FILE, self.folder / WEIGHTS_INDEX
        if not single.exists() and index.exists():
            return [self.folder / name for name in shard_names(index)]
        return [single] if single.exists() else []

    @property
    def graph(self) -> Path | None:
        """The ONNX graph from waveform to hidden states, as optimum exports it."""
        paths = (self.folder / name for name in GRAPH_FILES)
        return next((path for path in paths if path.exists()), None)

    @property
    def sha256(self) -> str:
        """Hex digest of the weights files, else of the graph and its external data."""
        digest = hashlib.sha256()
        for path in self.weights or graph_files(self.graph):
            digest.update(path.read_bytes())
        return digest.hexdigest()


def shard_names(index: Path) -> list[str]:
    """The files that an index spreads the weights over, sorted.

    Raises:
        EncoderError: it is no index.
    """
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        return sorted(set(content["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(
            f"{str(index)!r} is no index of weights ({error!r}); save the model again"
        ) from error


def graph_files(graph: Path | None) -> list[Path]:
    """A graph and the external data beside it."""
    if graph is None:
        return []
    data = (graph.with_name(graph.name + suffix) for suffix in EXTERNAL_DATA)
    return [graph, *(path for path in data if path.exists())]


def open_checkpoint(encoder: str | os.PathLike[str], revision: str | None = None) -> Checkpoint:
    """Find a checkpoint: an existing folder, else a hub id `owner/name` at `revision`.

    Where it has both safetensors and an ONNX graph, the safetensors are what counts: the graph was
    made of them.

    Raises:
        EncoderError: neither a folder nor a hub id, or files are missing.
        HubError: the hub can't give it.
    """
    folder, name = Path(encoder), os.fspath(encoder)
    if folder.is_dir():
        if revision is not None:
            raise EncoderError(f"{name!r} is a folder and has no revision {revision!r}; drop it")
        checkpoint = Checkpoint(folder, folder.resolve().name, None)
    elif HUB_ID.fullmatch(name):
        checkpoint = download_checkpoint(name, revision)
    else:
        raise EncoderError(f"{name!r} is neither a folder nor a hub id (owner/name); check it")
    check_files(name, checkpoint)
    return checkpoint


def check_files(name: str, checkpoint: Checkpoint) -> None:
    """Refuse what lacks its config, its weights or a part of them."""
    if not (checkpoint.folder / CONFIG_FILE).exists():
        raise EncoderError(f"{name!r} has no {CONFIG_FILE}; {SAVE_IT}")
    for path in checkpoint.weights:
        if not path.exists():
            raise EncoderError(f"{name!r} lacks {path.name!r} of its weights; {SAVE_IT}")
    if not checkpoint.weights and checkpoint.graph is None:
        raise EncoderError(f"{name!r} has neither {WEIGHTS_FILE} nor {GRAPH_FILES[0]}; {SAVE_IT}")


def download_checkpoint(repository: str, revision: str | None) -> Checkpoint:
    """Fetch a hub repository's encoder: its safetensors, or its graph where it has none."""
    snapshot = open_snapshot(repository, revision, CONFIG_FILE)
    snapshot.fetch(PREPROCESSOR_FILE)
    snapshot.fetch(PROCESSOR_FILE)
    if not fetch_weights(snapshot):
        fetch_graph(snapshot)
    return Checkpoint(snapshot.folder, repository, snapshot.commit)


def fetch_weights(snapshot: Snapshot) -> bool:
    """Fetch the safetensors files; False where there are none."""
    if snapshot.fetch(WEIGHTS_FILE):
        return True
    index = snapshot.fetch(WEIGHTS_INDEX)
    if index is None:
        return False
    for name in shard_names(index):
        snapshot.require(name)
    return True


def fetch_graph(snapshot: Snapshot) -> None:
    """Fetch the first of the ONNX graphs that there is, with its external data."""
    for name in GRAPH_FILES:
        if snapshot.fetch(name):
            for suffix in EXTERNAL_DATA:
                snapshot.fetch(name + suffix)
            return
