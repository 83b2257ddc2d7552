"""The pooled encoder as an ONNX file, by optimum's exporter."""

import tempfile
from pathlib import Path

import onnx

from edge_export.composition import pooled_graph
from edge_export.encoder import Encoder
from edge_export.errors import ExportError, first_line
from edge_export.graph import quiet_exporter, save_graph

TASK = "feature-extraction"


def write_optimum_graph(encoder: Encoder, path: Path) -> None:
    """Export waveform (batch, samples) -> embedding (batch, hidden), float32, both axes dynamic.

    Raises:
        ExportError: optimum is not installed, it failed, or the graph does not fit into one file.
    """
    with tempfile.TemporaryDirectory() as folder:
        given = export_by_optimum(encoder, Path(folder))
    save_graph(pooled_graph(given, "optimum", encoder.normalize, encoder.hidden_size), path)


def export_by_optimum(encoder: Encoder, folder: Path) -> onnx.ModelProto:
    """The graph of waveform to hidden states that optimum writes into `folder`."""
    try:
        from optimum.exporters.onnx import (  # type: ignore[import-not-found]
            onnx_export_from_model,
        )
    except ModuleNotFoundError as error:
        raise ExportError(
            f"the exporter 'optimum' needs the module {error.name!r}; pip install "
            "'edge-detect[optimum]' in an environment of its own"
        ) from error
    try:
        with quiet_exporter():
            onnx_export_from_model(encoder.exportable(), folder, task=TASK, do_validation=False)
    except Exception as error:
        raise ExportError(
            f"optimum can't export this encoder ({first_line(error)}); leave it to torch"
        ) from error
    return onnx.load(folder / "model.onnx")
