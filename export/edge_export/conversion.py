"""A checkpoint becomes an encoder graph that is proven against its reference."""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import edge_detect
from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_detect.store import file_sha256
from edge_export.checkpoint import Checkpoint, open_checkpoint
from edge_export.encoder import Encoder, load_encoder
from edge_export.errors import ExportError
from edge_export.graph import INPUT, OUTPUT, write_plain_graph
from edge_export.onnx_encoder import OnnxEncoder, load_onnx_encoder, write_given_graph
from edge_export.optimum_exporter import write_optimum_graph
from edge_export.parity import Reference, prove_embedding, run_probes
from edge_export.prepared import EncoderRecord, PreparedEncoder, Proven, write_record
from edge_export.probes import max_seconds, parity_probes
from edge_export.reference import OnnxReference, TorchReference
from edge_export.whole import whole_or_nothing

ENCODER_FILE = "encoder.onnx"

Exporter: TypeAlias = Literal["torch", "optimum"]

# What turns weights into a graph; a given graph needs neither.
WRITERS: dict[Exporter, Callable[[Encoder, Path], None]] = {
    "torch": write_plain_graph,
    "optimum": write_optimum_graph,
}

# What has a hand in every graph, and what in those of each exporter.
COMMON_PACKAGES = ("transformers", "onnx", "onnxruntime", "numpy")
PACKAGES: dict[Exporter, tuple[str, ...]] = {
    "torch": ("torch", "onnxscript"),
    "optimum": ("torch", "optimum", "optimum-onnx"),
}


def open_encoder(checkpoint: Checkpoint) -> Encoder | OnnxEncoder:
    """Load the weights of a checkpoint, or find its graph where it has no weights.

    Raises:
        EncoderError: they can't be used.
    """
    return load_encoder(checkpoint) if checkpoint.weights else load_onnx_encoder(checkpoint)


def write_encoder_graph(encoder: Encoder | OnnxEncoder, path: Path, exporter: Exporter) -> None:
    """Write the graph of an encoder."""
    if exporter not in WRITERS:
        raise ExportError(f"no exporter {exporter!r}; there are {', '.join(get_args(Exporter))}")
    if isinstance(encoder, OnnxEncoder):
        write_given_graph(encoder, path)
    else:
        WRITERS[exporter](encoder, path)


def open_reference(encoder: Encoder | OnnxEncoder) -> Reference:
    """What the graph is measured against: torch, or the given graph as it is."""
    return OnnxReference(encoder) if isinstance(encoder, OnnxEncoder) else TorchReference(encoder)


def convert_encoder(
    encoder: Encoder | OnnxEncoder,
    checkpoint: Checkpoint,
    folder: Path,
    exporter: Exporter = "torch",
) -> Proven:
    """Write the encoder graph into `folder` and prove it against its reference.

    Raises:
        EncoderError: a given graph is of another kind.
        ParityError: the graph differs.
    """
    path = folder / ENCODER_FILE
    write_encoder_graph(encoder, path, exporter)
    graph = Graph(path.name, file_sha256(path), "fp32", INPUT, OUTPUT)
    session = GraphSession(path, graph, "cpu", None)
    reference = open_reference(encoder)
    probes = parity_probes(encoder.sample_rate, encoder.min_samples)
    pairs = run_probes(session, reference, probes)
    record = EncoderRecord(
        graphs=(graph,),
        sample_rate=encoder.sample_rate,
        min_samples=encoder.min_samples,
        hidden_size=encoder.hidden_size,
        normalize=encoder.normalize,
        origin=checkpoint.origin,
        revision=checkpoint.revision,
        weights_sha256=checkpoint.sha256,
        parity=prove_embedding(pairs, max_seconds(probes, encoder.sample_rate)),
        versions=exporter_versions(checkpoint, exporter),
    )
    return Proven(PreparedEncoder(record, folder, session), reference, pairs)


def convert_into_cache(encoder: str | os.PathLike[str], cache: Path, revision: str | None) -> Path:
    """The folder of a checkpoint's graph and record in `cache`, converted where it is not there.

    Raises:
        ExportError: the checkpoint can't be used, or its graph differs from it.
    """
    checkpoint = open_checkpoint(encoder, revision)
    folder = cache / checkpoint_key(checkpoint)
    if not folder.exists():
        with whole_or_nothing(folder) as scratch:
            proven = convert_encoder(open_encoder(checkpoint), checkpoint, scratch)
            write_record(proven.encoder.record, scratch)
    return folder


def checkpoint_key(checkpoint: Checkpoint) -> str:
    """A name that changes with the weights, the configuration and what converts them."""
    digest = hashlib.sha256(checkpoint.sha256.encode())
    for path in sorted(checkpoint.folder.glob("*config.json")):
        digest.update(path.read_bytes())
    digest.update(json.dumps(exporter_versions(checkpoint), sort_keys=True).encode())
    return digest.hexdigest()


def exporter_versions(checkpoint: Checkpoint, exporter: Exporter = "torch") -> dict[str, str]:
    """Version of everything that had a hand in the encoder graph; no torch for a given graph."""
    packages = PACKAGES[exporter] if checkpoint.weights else ()
    return {
        "edge-detect": edge_detect.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in (*packages, *COMMON_PACKAGES)},
    }
