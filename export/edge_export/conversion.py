"""A checkpoint becomes an encoder graph that is proven against its reference."""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import edge_detect
from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_export.checkpoint import Checkpoint, open_checkpoint
from edge_export.encoder import Encoder, load_encoder
from edge_export.errors import ExportError
from edge_export.fast_graph import write_built_graph
from edge_export.graph import describe_graph, write_plain_graph
from edge_export.onnx_encoder import OnnxEncoder, load_onnx_encoder, write_given_graph
from edge_export.optimum_exporter import write_optimum_graph
from edge_export.parity import (
    EMBEDDING_MAX_ABS,
    FAST_EMBEDDING_MAX_ABS,
    Reference,
    prove_embedding,
    run_probes,
)
from edge_export.prepared import EncoderRecord, PreparedEncoder, Proven, write_record
from edge_export.probes import max_seconds, parity_probes
from edge_export.quality import measure_speedup
from edge_export.reference import OnnxReference, TorchReference
from edge_export.whole import whole_or_nothing

ENCODER_FILE = "encoder.onnx"

GRAPH_VERSION = "fast 2"
"""Changes with the graphs that the same weights become: what is cached is then made anew."""

Exporter: TypeAlias = Literal["torch", "optimum"]
Form: TypeAlias = Literal["fast", "standard", "plain"]
Precision: TypeAlias = Literal["fp32", "int8", "fp16"]
Writer: TypeAlias = Callable[[Encoder, Path], None]

# The fp32 graph: built from the weights, or as torch's own exporter writes it.
FORMS: dict[Form, Writer] = {
    "fast": partial(write_built_graph, "fast"),
    "standard": partial(write_built_graph, "standard"),
    "plain": write_plain_graph,
}

# Lower precisions, which are recipes too, and the devices that they are for.
LOWER: dict[Precision, tuple[str, ...]] = {
    "int8": ("cpu",),
    "fp16": ("cuda",),
}

# What has a hand in every graph, and what in those of each exporter.
COMMON_PACKAGES = ("transformers", "onnx", "onnxruntime", "numpy")
PACKAGES: dict[Exporter, tuple[str, ...]] = {
    "torch": ("torch", "onnxscript"),
    "optimum": ("torch", "optimum", "optimum-onnx"),
}


@dataclass(frozen=True)
class Conversion:
    """How a checkpoint becomes graphs."""

    exporter: Exporter = "torch"
    """What reads the weights; optimum writes one form only."""
    form: Form | None = None
    """Of the fp32 graph; "fast" where nothing is said and the weights are there."""
    precisions: tuple[Precision, ...] = ("fp32",)
    """fp32 is always among the graphs that are written."""

    def resolve(self, encoder: Encoder | OnnxEncoder) -> "Conversion":
        """The same with its form, and no precision twice.

        Raises:
            ExportError: there is no such thing, or the encoder is a graph already.
        """
        for name, value, known in (
            ("exporter", self.exporter, get_args(Exporter)),
            ("graph", self.form or "fast", FORMS),
            *(("precision", precision, get_args(Precision)) for precision in self.precisions),
        ):
            if value not in known:
                raise ExportError(f"no {name} {value!r}; there are {', '.join(known)}")
        lower = tuple(p for p in LOWER if p in self.precisions)
        built = self.exporter == "torch" and isinstance(encoder, Encoder)
        if not built and (self.form or lower):
            raise ExportError(
                f"{self.form or lower[0]} graphs are built from safetensors; give an encoder with "
                "its weights, and leave the exporter to torch"
            )
        form: Form | None = self.form or "fast" if built else None
        return replace(self, form=form, precisions=("fp32", *lower))


DEFAULT_CONVERSION = Conversion()


def open_encoder(checkpoint: Checkpoint) -> Encoder | OnnxEncoder:
    """Load the weights of a checkpoint, or find its graph where it has no weights.

    Raises:
        EncoderError: they can't be used.
    """
    return load_encoder(checkpoint) if checkpoint.weights else load_onnx_encoder(checkpoint)


def write_encoder_graph(encoder: Encoder | OnnxEncoder, path: Path, how: Conversion) -> None:
    """Write the fp32 graph of an encoder."""
    if isinstance(encoder, OnnxEncoder):
        write_given_graph(encoder, path)
    elif how.form:
        FORMS[how.form](encoder, path)
    else:
        write_optimum_graph(encoder, path)


def write_lower_graph(encoder: Encoder, exact: Graph, folder: Path, precision: Precision) -> Graph:
    """Write a graph of lower precision beside the fp32 graph, and time the two."""
    path = folder / f"encoder.{precision}.onnx"
    write_built_graph(precision, encoder, path)
    graph = describe_graph(path, precision, LOWER[precision])
    return replace(graph, speedup=measure_speedup(exact, graph, folder, encoder.sample_rate))


def open_reference(encoder: Encoder | OnnxEncoder) -> Reference:
    """What the graph is measured against: torch, or the given graph as it is."""
    return OnnxReference(encoder) if isinstance(encoder, OnnxEncoder) else TorchReference(encoder)


def convert_encoder(
    encoder: Encoder | OnnxEncoder,
    checkpoint: Checkpoint,
    folder: Path,
    conversion: Conversion = DEFAULT_CONVERSION,
) -> Proven:
    """Write the encoder's graphs into `folder` and prove the fp32 one against its reference.

    Raises:
        EncoderError: a given graph is of another kind.
        ParityError: the graph differs.
    """
    how = conversion.resolve(encoder)
    path = folder / ENCODER_FILE
    write_encoder_graph(encoder, path, how)
    graph = describe_graph(path, "fp32")
    session = GraphSession(path, graph, "cpu", None)
    reference = open_reference(encoder)
    probes = parity_probes(encoder.sample_rate, encoder.min_samples)
    pairs = run_probes(session, reference, probes)
    bound = FAST_EMBEDDING_MAX_ABS if how.form in ("fast", "standard") else EMBEDDING_MAX_ABS
    parity = prove_embedding(pairs, max_seconds(probes, encoder.sample_rate), bound)
    lower = [
        write_lower_graph(encoder, graph, folder, precision)
        for precision in how.precisions
        if precision in LOWER and isinstance(encoder, Encoder)
    ]
    record = EncoderRecord(
        graphs=(graph, *lower),
        sample_rate=encoder.sample_rate,
        min_samples=encoder.min_samples,
        hidden_size=encoder.hidden_size,
        normalize=encoder.normalize,
        origin=checkpoint.origin,
        revision=checkpoint.revision,
        weights_sha256=checkpoint.sha256,
        parity=parity,
        versions=exporter_versions(checkpoint, how.exporter),
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
    made_by = exporter_versions(checkpoint) | {"graph": GRAPH_VERSION}
    digest.update(json.dumps(made_by, sort_keys=True).encode())
    return digest.hexdigest()


def exporter_versions(checkpoint: Checkpoint, exporter: Exporter = "torch") -> dict[str, str]:
    """Version of everything that had a hand in the encoder graph; no torch for a given graph."""
    packages = PACKAGES[exporter] if checkpoint.weights else ()
    return {
        "edge-detect": edge_detect.__version__,
        "python": platform.python_version(),
        **{package: version(package) for package in (*packages, *COMMON_PACKAGES)},
    }
