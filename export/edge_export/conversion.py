"""A checkpoint becomes an encoder graph that is proven against torch."""

import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import edge_detect
from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_detect.store import file_sha256
from edge_export.checkpoint import Checkpoint, open_checkpoint
from edge_export.encoder import Encoder, load_encoder
from edge_export.graph import INPUT, OUTPUT, write_plain_graph
from edge_export.parity import prove_embedding, run_probes
from edge_export.prepared import EncoderRecord, PreparedEncoder, Proven, write_record
from edge_export.probes import max_seconds, parity_probes
from edge_export.reference import TorchReference
from edge_export.whole import whole_or_nothing

ENCODER_FILE = "encoder.onnx"

EXPORTERS = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime", "numpy")


def convert_encoder(encoder: Encoder, checkpoint: Checkpoint, folder: Path) -> Proven:
    """Write the encoder graph into `folder` and prove it against torch.

    Raises:
        ParityError: the graph differs.
    """
    path = folder / ENCODER_FILE
    write_plain_graph(encoder, path)
    graph = Graph(path.name, file_sha256(path), "fp32", INPUT, OUTPUT)
    session = GraphSession(path, graph, "cpu", None)
    reference = TorchReference(encoder)
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
        versions=exporter_versions(),
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
            proven = convert_encoder(load_encoder(checkpoint), checkpoint, scratch)
            write_record(proven.encoder.record, scratch)
    return folder


def checkpoint_key(checkpoint: Checkpoint) -> str:
    """A name that changes with the weights, the configuration and what converts them."""
    digest = hashlib.sha256(checkpoint.sha256.encode())
    for path in sorted(checkpoint.folder.glob("*config.json")):
        digest.update(path.read_bytes())
    digest.update(json.dumps(exporter_versions(), sort_keys=True).encode())
    return digest.hexdigest()


def exporter_versions() -> dict[str, str]:
    """Version of everything that had a hand in the encoder graph."""
    return {
        "edge-detect": edge_detect.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in EXPORTERS},
    }
