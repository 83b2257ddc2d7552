"""The pooled encoder as an ONNX file.

`write_plain_graph` is the straight translation by torch's own exporter. A faster graph of the same
function has the same signature, the same tensor names and the same parity check.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch

from edge_detect.manifest import DEVICES, Graph, WeightsFile
from edge_detect.store import file_sha256
from edge_export.blocks import OPSET
from edge_export.encoder import Encoder
from edge_export.errors import ExportError

INPUT = "waveform"
OUTPUT = "embedding"

MAPPED_BYTES = 64 * 2**20
"""Graphs from this size on keep their weights in a file beside them. onnxruntime maps it into
memory: a base-size fp32 encoder then takes 0.4 GB less at its peak, and loads faster."""


def write_plain_graph(encoder: Encoder, path: Path) -> None:
    """Export waveform (batch, samples) -> embedding (batch, hidden), float32, both axes dynamic.

    Raises:
        ExportError: the graph does not fit into one file.
    """
    example = torch.randn(2, 2 * encoder.min_samples)
    axes = {
        0: torch.export.Dim("batch"),
        1: torch.export.Dim("samples", min=encoder.min_samples),
    }
    with quiet_exporter():
        program = torch.onnx.export(
            encoder.pooled(),
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=(axes,),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise ExportError("torch gave no ONNX program; install the torch of constraints.txt")
    save_graph(program.model_proto, path)


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep the exporters' remarks on their own internals (deprecations, traces) from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "optimum")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def save_graph(model: onnx.ModelProto, path: Path) -> None:
    """Check a graph and write it, the weights of a large one to `weights_path`."""
    strip_traces(model)
    if model.ByteSize() > onnx.checker.MAXIMUM_PROTOBUF:
        raise ExportError(
            f"the graph has {model.ByteSize() / 2**30:.1f} GiB and an ONNX file holds 2; "
            "export a smaller encoder"
        )
    onnx.checker.check_model(model, full_check=True)
    if model.ByteSize() < MAPPED_BYTES:
        path.write_bytes(model.SerializeToString(deterministic=True))
        return
    weights = weights_path(path)
    weights.unlink(missing_ok=True)  # onnx would append to it
    onnx.save(model, path, save_as_external_data=True, location=weights.name)


def weights_path(path: Path) -> Path:
    """Where the weights of a large graph lie."""
    return path.with_name(f"{path.name}.data")


def describe_graph(path: Path, precision: str, devices: tuple[str, ...] = DEVICES) -> Graph:
    """The manifest's entry of a graph that `save_graph` wrote."""
    weights = weights_path(path)
    beside = WeightsFile(weights.name, file_sha256(weights)) if weights.exists() else None
    return Graph(path.name, file_sha256(path), precision, INPUT, OUTPUT, devices, weights=beside)


def strip_traces(model: onnx.ModelProto) -> None:
    """Drop what only the exporter needs: inferred shapes, and traces with its machine's paths."""
    del model.metadata_props[:]
    model.doc_string = ""
    bodies = [model.graph, *model.functions]
    for body in bodies:
        del body.value_info[:]
        entries = [body, *body.node]
        if isinstance(body, onnx.GraphProto):
            entries += [*body.input, *body.output, *body.initializer]
        for entry in entries:
            del entry.metadata_props[:]
            entry.doc_string = ""
        bodies += [a.g for node in body.node for a in node.attribute if a.HasField("g")]
