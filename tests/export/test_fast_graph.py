"""The graphs that are built from the weights: torch's embeddings, for every kind of Wav2Vec2."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_export import EncoderError
from edge_export.blocks import MICROSOFT
from edge_export.checkpoint import open_checkpoint
from edge_export.conversion import FORMS, Conversion, convert_encoder
from edge_export.encoder import Encoder, load_encoder
from edge_export.errors import ExportError
from edge_export.fast_graph import write_built_graph
from edge_export.parity import FAST_EMBEDDING_MAX_ABS, Pair
from edge_export.reference import TorchReference
from tests.export.conftest import CONFIGS, RATE, SMALL, noisy_clip, save_encoder

KINDS: dict[str, dict[str, Any]] = {
    **CONFIGS,
    "adapter": {"add_adapter": True, "output_hidden_size": 32},
    "adapter-same-width": {"add_adapter": True, "num_adapter_layers": 1},
    "adapters-in-layers": {"do_stable_layer_norm": True, "adapter_attn_dim": 8},
    "other-activations": {"hidden_act": "quick_gelu", "feat_extract_activation": "gelu_new"},
    "relu": {"hidden_act": "relu", "feat_extract_activation": "silu"},
    "odd-sizes": {
        "conv_dim": (10, 12),
        "conv_kernel": (7, 4),
        "conv_stride": (3, 3),
        "hidden_size": 30,
        "num_attention_heads": 3,
        "num_conv_pos_embedding_groups": 2,
        "feat_extract_norm": "layer",
    },
    "biased": {"conv_bias": True, "num_conv_pos_embeddings": 16},
}

# A frame, more than one chunk, chunks that differ in length.
SAMPLES = [400, 401, 719, 720, 5_000, 16_079, 16_080, 33_333, 80_000]


def open_encoder(folder: Path, **config: Any) -> Encoder:
    return load_encoder(open_checkpoint(save_encoder(folder, **{**SMALL, **config})))


def open_graph(path: Path) -> GraphSession:
    return GraphSession(path, Graph(path.name, "", "fp32", "waveform", "embedding"), "cpu", 1)


@pytest.mark.parametrize("form", ["fast", "standard"])
@pytest.mark.parametrize("kind", KINDS)
def test_gives_what_torch_gives(tmp_path: Path, kind: str, form: Any) -> None:
    encoder = open_encoder(tmp_path / "encoder", **KINDS[kind])
    reference = TorchReference(encoder)
    FORMS[form](encoder, tmp_path / "graph.onnx")
    graph = open_graph(tmp_path / "graph.onnx")
    for samples in SAMPLES:
        clip = noisy_clip(samples, samples)
        difference = np.abs(graph.run(clip[np.newaxis])[0] - reference.embed(clip)).max()
        assert difference <= FAST_EMBEDDING_MAX_ABS, samples


@pytest.mark.parametrize("kind", ["group", "layer-stable"])
def test_clips_of_a_batch_do_not_mix(tmp_path: Path, kind: str) -> None:
    encoder = open_encoder(tmp_path / "encoder", **KINDS[kind])
    write_built_graph("fast", encoder, tmp_path / "graph.onnx")
    graph = open_graph(tmp_path / "graph.onnx")
    clips = np.stack([noisy_clip(seed, 40_000) for seed in range(3)])
    alone = np.concatenate([graph.run(clip[np.newaxis]) for clip in clips])
    assert np.abs(graph.run(clips) - alone).max() <= 1e-6


def test_the_standard_graph_has_operators_of_the_standard_only(tmp_path: Path) -> None:
    encoder = open_encoder(tmp_path / "encoder")
    domains = {}
    for form in ("fast", "standard"):
        FORMS[form](encoder, tmp_path / f"{form}.onnx")
        model = onnx.load(tmp_path / f"{form}.onnx")
        domains[form] = {entry.domain for entry in model.opset_import}
        assert {node.domain for node in model.graph.node} == domains[form]
        loops = [node for node in model.graph.node if node.op_type == "Loop"]
        assert len(loops) == (form == "fast")
    assert domains == {"fast": {"", MICROSOFT}, "standard": {""}}


def test_an_unknown_activation_is_refused_by_name(tmp_path: Path) -> None:
    encoder = open_encoder(tmp_path / "encoder", hidden_act="mish")
    with pytest.raises(EncoderError, match=r"no activation 'mish'; .* --graph plain"):
        write_built_graph("standard", encoder, tmp_path / "graph.onnx")
    write_plain = Conversion(form="plain")
    checkpoint = open_checkpoint(tmp_path / "encoder")
    assert convert_encoder(encoder, checkpoint, tmp_path, write_plain).pairs


@pytest.mark.parametrize(
    ("conversion", "message"),
    [
        ({"form": "quick"}, "no graph 'quick'; there are fast, standard, plain"),
        ({"precisions": ("int4",)}, "no precision 'int4'; there are fp32, int8"),
        ({"exporter": "tf"}, "no exporter 'tf'; there are torch, optimum"),
        ({"exporter": "optimum", "form": "fast"}, "fast graphs are built from safetensors"),
        ({"exporter": "optimum", "precisions": ("int8",)}, "int8 graphs are built from"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, conversion: dict[str, Any], message: str
) -> None:
    encoder = open_encoder(tmp_path / "encoder")
    with pytest.raises(ExportError, match=message):
        Conversion(**conversion).resolve(encoder)


@pytest.mark.parametrize("kind", ["group", "layer-stable"])
def test_int8_is_near(tmp_path: Path, kind: str) -> None:
    encoder = open_encoder(tmp_path / "encoder", **KINDS[kind])
    reference = TorchReference(encoder)
    write_built_graph("int8", encoder, tmp_path / "graph.onnx")
    graph = open_graph(tmp_path / "graph.onnx")
    clip = noisy_clip(1, RATE)
    pair = Pair("clip", graph.run(clip[np.newaxis])[0], reference.embed(clip))
    assert 0.999 < pair.cosine < 1
    weights = onnx.load(tmp_path / "graph.onnx").graph.initializer
    groups = encoder.config.num_conv_pos_embedding_groups
    in_int8 = sum(w.data_type == onnx.TensorProto.INT8 for w in weights)
    assert in_int8 == 12 + groups  # 6 in each layer
