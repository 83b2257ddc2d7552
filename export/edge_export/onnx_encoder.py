"""A Wav2Vec2 that came as an ONNX graph.

It is what `optimum-cli export onnx --task feature-extraction` makes, or the `onnx/` folder of a hub
repository.
"""

from dataclasses import dataclass
from pathlib import Path

import onnx

from edge_export.checkpoint import Checkpoint
from edge_export.composition import pooled_graph
from edge_export.encoder import EncoderSettings, load_settings
from edge_export.errors import EncoderError, first_line
from edge_export.graph import save_graph


@dataclass(frozen=True)
class OnnxEncoder(EncoderSettings):
    """A given graph of waveform to hidden states, and what stands beside it."""

    path: Path
    """The graph's file; its weights may be in another one beside it."""


def load_onnx_encoder(checkpoint: Checkpoint) -> OnnxEncoder:
    """Read what stands beside the graph of a checkpoint.

    Raises:
        EncoderError: it has no graph, or it is of another architecture.
    """
    settings = load_settings(checkpoint)
    if checkpoint.graph is None:
        raise EncoderError(f"{checkpoint.origin!r} has no ONNX graph; export one by optimum-cli")
    return OnnxEncoder(settings.config, settings.features, checkpoint.graph)


def write_given_graph(encoder: OnnxEncoder, path: Path) -> None:
    """Write waveform (batch, samples) -> embedding (batch, hidden) around the given graph.

    Raises:
        EncoderError: the graph can't be read, or is of another kind.
        ExportError: the new graph does not fit into one file.
    """
    try:
        given = onnx.load(encoder.path)
    except Exception as error:  # protobuf, the system, missing or outlying external data
        raise EncoderError(
            f"onnx can't read {str(encoder.path)!r} ({first_line(error)}); export it again"
        ) from error
    graph = pooled_graph(given, str(encoder.path), encoder.normalize, encoder.hidden_size)
    save_graph(graph, path)
