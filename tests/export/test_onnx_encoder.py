"""A given ONNX graph becomes an encoder: normalisation and pooling are put around it.

The graphs are stand-ins with optimum's names; those of optimum itself are in tests/optimum.
"""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from edge_detect import Detector
from edge_detect.store import open_package
from edge_export import EncoderError, ExportError, ParityError, composition, export_package
from edge_export.checkpoint import GRAPH_FILES, open_checkpoint
from edge_export.conversion import open_encoder
from edge_export.encoder import load_encoder
from edge_export.graph import quiet_exporter
from edge_export.onnx_encoder import OnnxEncoder, write_given_graph
from edge_export.parity import EMBEDDING_MAX_ABS
from edge_export.probes import voice
from edge_export.reference import TorchReference
from tests.conftest import Waveform
from tests.export.conftest import (
    CONFIGS,
    RATE,
    SMALL,
    Exported,
    save_encoder,
    save_published,
)
from tests.export.hub_server import Hub, serve

Get = Callable[[str], Exported]
HUB_ID = "someone/wav2vec2-onnx"


class Hidden(torch.nn.Module):
    """What optimum exports: the last hidden states, with an attention mask or without."""

    def __init__(self, model: Wav2Vec2Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        hidden: torch.Tensor = self.model(input_values, attention_mask).last_hidden_state
        return hidden


def export_hidden(weights: Path, mask: bool = False) -> onnx.ModelProto:
    """The stand-in for optimum's graph of a Hugging Face folder: by TorchScript, as there."""
    model = Wav2Vec2Model.from_pretrained(weights).eval()
    model.set_attn_implementation("eager")
    names = ["input_values", "attention_mask"][: 1 + mask]
    example = (torch.randn(2, 1000), torch.ones(2, 1000, dtype=torch.int64))[: 1 + mask]
    file = io.BytesIO()
    with quiet_exporter():
        torch.onnx.export(
            Hidden(model),
            example,
            file,
            dynamo=False,
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes={
                name: {0: "batch_size", 1: "sequence_length"}
                for name in (*names, "last_hidden_state")
            },
            opset_version=18,
        )
    return onnx.load_from_string(file.getvalue())


def save_graph_folder(weights: Path, folder: Path, model: onnx.ModelProto, file: str) -> Path:
    """The folder of a graph beside the settings of its model, without weights."""
    (folder / file).parent.mkdir(parents=True)
    for settings in weights.glob("*.json"):
        shutil.copy(settings, folder)
    onnx.save(model, folder / file)
    return folder


@pytest.fixture(scope="module")
def given(exported: Get, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a named config's graph, exported once; not to be changed."""
    done: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in done:
            weights = exported(kind).encoder
            folder = tmp_path_factory.mktemp(kind) / "graph"
            file = GRAPH_FILES[len(done) % 2]
            done[kind] = save_graph_folder(weights, folder, export_hidden(weights), file)
        return done[kind]

    return get


@pytest.fixture
def folder(given: Callable[[str], Path], tmp_path: Path) -> Path:
    """A graph's folder that a test may change."""
    return shutil.copytree(given("group"), tmp_path / "changed")


def graph_path(folder: Path) -> Path:
    path = open_checkpoint(folder).graph
    assert path is not None
    return path


def change_graph(folder: Path, change: Callable[[onnx.ModelProto], Any]) -> None:
    model = onnx.load(graph_path(folder))
    change(model)
    onnx.save(model, graph_path(folder))


def package_of(folder: Path, made: Exported) -> Path:
    """Export a folder with the head that was fitted on the same encoder's weights."""
    head = made.head
    return export_package(
        folder, head.scaler, head.classifier, folder.parent / "package", labels=head.labels
    )


@pytest.mark.parametrize("kind", CONFIGS)
def test_it_gives_what_torch_gives(
    given: Callable[[str], Path], exported: Get, tmp_path: Path, kind: str
) -> None:
    made = exported(kind)
    folder = shutil.copytree(given(kind), tmp_path / "graph")
    detector = Detector.load(package_of(folder, made))
    for seconds in (0.025, 0.7, 6.0):
        for level, offset in ((1, 0), (0.002, 0), (0.5, 0.5)):
            clip = level * voice(seconds + 0.1, RATE)[1600 : 1600 + round(seconds * RATE)] + offset
            clip = clip.astype(np.float32)
            expected = made.reference.embed(clip)
            found = detector.embed((clip, RATE))
            assert np.abs(found - expected).max() <= EMBEDDING_MAX_ABS
            detection = detector.predict((clip, RATE))
            np.testing.assert_allclose(
                list(detection.probabilities.values()),
                made.head.probabilities(expected),
                atol=1e-5,
            )


@pytest.mark.parametrize("kind", CONFIGS)
def test_digital_silence(
    given: Callable[[str], Path], exported: Get, tmp_path: Path, kind: str
) -> None:
    """Of the given graph onnxruntime sums over time in float32: there it is off by up to 4e-4."""
    made = exported(kind)
    folder = shutil.copytree(given(kind), tmp_path / "graph")
    package = package_of(folder, made)
    graph = onnx.load(package / "encoder.onnx").graph
    assert "InstanceNormalization" not in {node.op_type for node in graph.node}
    detector = Detector.load(package)
    for seconds in (1, 29):
        clip = np.concatenate([voice(1.0, RATE), np.zeros(seconds * RATE, np.float32)])
        expected = made.reference.embed(clip)
        assert np.abs(detector.embed((clip, RATE)) - expected).max() <= EMBEDDING_MAX_ABS / 2
        found = detector.predict((clip, RATE)).probabilities
        np.testing.assert_allclose(
            list(found.values()), made.head.probabilities(expected), atol=1e-5
        )


def split_gain(model: onnx.ModelProto) -> None:
    """Write the gain of the normalisation as a sum: the same function in other nodes."""
    graph = model.graph
    norm = next(node for node in graph.node if node.op_type == "InstanceNormalization")
    reshape = next(node for node in graph.node if norm.output[0] in node.input)
    position, multiply = next(
        (i, node) for i, node in enumerate(graph.node) if reshape.output[0] in node.input
    )
    graph.initializer.append(helper.make_tensor("zero", TensorProto.FLOAT, [1], [0]))
    node = helper.make_node("Add", [multiply.input[1], "zero"], ["gain"])
    multiply.input[1] = "gain"
    graph.node.insert(position, node)


def test_a_normalisation_in_other_nodes_stays_as_it_is(folder: Path, small: Exported) -> None:
    change_graph(folder, split_gain)
    package = package_of(folder, small)
    graph = onnx.load(package / "encoder.onnx").graph
    assert "InstanceNormalization" in {node.op_type for node in graph.node}
    clip = voice(1.0, RATE)
    found = Detector.load(package).embed((clip, RATE))
    np.testing.assert_allclose(found, small.reference.embed(clip), atol=1e-5)


def test_the_manifest_tells_it_from_an_export_by_torch(
    given: Callable[[str], Path], small: Exported, tmp_path: Path
) -> None:
    folder = shutil.copytree(given("group"), tmp_path / "graph")
    package = open_package(package_of(folder, small))
    manifest, other = package.manifest, open_package(small.package).manifest
    for name in ("sample_rate", "min_samples", "hidden_size", "normalize", "labels"):
        assert getattr(manifest, name) == getattr(other, name)
    assert "torch" in other.versions
    assert "torch" not in manifest.versions
    assert manifest.provenance.encoder == "graph"
    assert manifest.provenance.encoder_sha256 == open_checkpoint(folder).sha256
    assert manifest.parity.embedding_max_abs <= 1e-5
    card = (package.folder / "README.md").read_text(encoding="utf-8")
    assert "Parity with the ONNX graph it was made from and scikit-learn" in card


def test_the_graph_has_the_usual_signature_and_no_traces(folder: Path, small: Exported) -> None:
    def leave_traces(model: onnx.ModelProto) -> None:
        model.doc_string = "/home/someone/model"
        helper.set_model_props(model, {"source": "/home/someone"})
        for entry in (model.graph, *model.graph.node, *model.graph.initializer):
            entry.doc_string = "/home/someone/model.py"

    change_graph(folder, leave_traces)
    package = open_package(package_of(folder, small))
    path = package.verified(package.encoder("fp32"))
    assert b"/home/someone" not in path.read_bytes()
    assert str(folder).encode() not in path.read_bytes()
    usual = onnx.load(small.package / package.encoder("fp32").file).graph
    graph = onnx.load(path).graph
    for own, expected in ((graph.input, usual.input), (graph.output, usual.output)):
        assert [str(entry) for entry in own] == [str(entry) for entry in expected]


@pytest.mark.parametrize("normalize", [True, False])
def test_a_batch_is_its_clips_and_normalisation_is_the_preprocessor_s(
    folder: Path, small: Exported, tmp_path: Path, normalize: bool
) -> None:
    features = Wav2Vec2FeatureExtractor(do_normalize=normalize)
    features.save_pretrained(folder)
    weights = shutil.copytree(small.encoder, tmp_path / "weights")
    features.save_pretrained(weights)
    reference = TorchReference(load_encoder(open_checkpoint(weights)))
    encoder = open_encoder(open_checkpoint(folder))
    assert isinstance(encoder, OnnxEncoder)
    write_given_graph(encoder, tmp_path / "encoder.onnx")
    clips = np.stack([voice(0.3, RATE), 0.01 * voice(0.4, RATE)[-4800:]])
    found = run(tmp_path / "encoder.onnx", clips)
    for row, clip in zip(found, clips, strict=True):
        np.testing.assert_allclose(row, reference.embed(clip), atol=1e-5)


def run(path: Path, clips: Waveform) -> Waveform:
    """Clips (batch, samples) through a pooled graph: (batch, hidden)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [embedding] = session.run(["embedding"], {"waveform": clips.astype(np.float32)})
    assert isinstance(embedding, np.ndarray)
    return embedding


def test_an_attention_mask_is_all_ones(small: Exported, tmp_path: Path) -> None:
    model = export_hidden(small.encoder, mask=True)
    assert {entry.name for entry in model.graph.input} == {"input_values", "attention_mask"}
    folder = save_graph_folder(small.encoder, tmp_path / "masked", model, "model.onnx")
    clip = voice(1.0, RATE)
    found = Detector.load(package_of(folder, small)).embed((clip, RATE))
    np.testing.assert_allclose(found, small.reference.embed(clip), atol=1e-5)


def test_an_older_opset_and_names_like_ours(tmp_path: Path) -> None:
    """ReduceMean takes its axes another way before opset 18; the names must not meet.

    The graph squares its input: of a normalised clip that is 1 in the mean.
    """
    weights = save_encoder(tmp_path / "weights", **SMALL)
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["input_values", "input_values"], ["waveform"]),
            helper.make_node("Unsqueeze", ["waveform", "axes"], ["exact"]),
            helper.make_node("Expand", ["exact", "shape"], ["last_hidden_state"]),
        ],
        "embedding",
        [tensor("input_values", "b", "s")],
        [tensor("last_hidden_state", "b", "s", 48)],
        [
            helper.make_tensor("axes", TensorProto.INT64, [1], [2]),
            helper.make_tensor("shape", TensorProto.INT64, [3], [1, 1, 48]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    folder = save_graph_folder(weights, tmp_path / "graph", model, "model.onnx")
    encoder = open_encoder(open_checkpoint(folder))
    assert isinstance(encoder, OnnxEncoder)
    write_given_graph(encoder, tmp_path / "encoder.onnx")
    clips = voice(0.5, RATE).reshape(2, -1)
    np.testing.assert_allclose(run(tmp_path / "encoder.onnx", clips), 1, atol=1e-5)


def tensor(name: str, *shape: str | int, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def rename_output(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        for i, name in enumerate(node.output):
            node.output[i] = "logits" if name == "last_hidden_state" else name
    model.graph.output[0].name = "logits"


def fix_samples(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 16_000


def set_kind(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def widen(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 768


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_output, "gives logits, not last_hidden_state; .* --task feature-extraction"),
        (lambda model: model.graph.input.append(tensor("speaker", 1)), "takes .*speaker"),
        (fix_samples, "takes [^ ]*16000.* samples"),
        (set_kind, "is FLOAT16, .* --dtype fp32"),
        (widen, "is 768 wide, its config says 48"),
    ],
)
def test_another_graph_is_refused(
    folder: Path, small: Exported, change: Callable[[onnx.ModelProto], Any], message: str
) -> None:
    change_graph(folder, change)
    with pytest.raises(EncoderError, match=message):
        package_of(folder, small)
    assert not (folder.parent / "package").exists()


@pytest.mark.parametrize("fault", ["no graph", "quantised only", "no protobuf", "no data", "type"])
def test_a_folder_that_can_not_be_used(folder: Path, small: Exported, fault: str) -> None:
    path = graph_path(folder)
    if fault == "no graph":
        path.unlink()
    elif fault == "quantised only":
        path.rename(path.with_name("model_quantized.onnx"))
    elif fault == "no protobuf":
        path.write_bytes(b"\x80 no protobuf")
    elif fault == "no data":
        onnx.save(onnx.load(path), path, save_as_external_data=True, location="model.onnx_data")
        path.with_name("model.onnx_data").unlink()
    else:
        config = folder / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "hubert"}))
    with pytest.raises(EncoderError) as caught:
        package_of(folder, small)
    assert "\n" not in caught.value.message
    assert not (folder.parent / "package").exists()


def test_external_data_ends_up_in_one_file(folder: Path, small: Exported) -> None:
    path, before = graph_path(folder), open_checkpoint(folder).sha256
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="model.onnx_data")
    assert open_checkpoint(folder).sha256 != before
    package = package_of(folder, small)
    clip = voice(1.0, RATE)
    found = Detector.load(package).embed((clip, RATE))
    np.testing.assert_allclose(found, small.reference.embed(clip), atol=1e-5)
    assert not list(package.rglob("*data*"))
    digest = open_checkpoint(folder).sha256
    data = path.with_name("model.onnx_data")
    data.write_bytes(data.read_bytes()[:-1] + b"\0")
    assert open_checkpoint(folder).sha256 != digest


def test_a_graph_that_differs_is_refused(
    folder: Path, small: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [line.replace("ReduceMean", "ReduceMax") for line in composition.POOL]
    monkeypatch.setattr(composition, "POOL", wrong)
    with pytest.raises(ParityError, match="differs from its reference"):
        package_of(folder, small)
    assert not (folder.parent / "package").exists()


def test_weights_win_over_a_graph_beside_them(folder: Path, small: Exported) -> None:
    shutil.copy(small.encoder / "model.safetensors", folder)
    graph_path(folder).write_bytes(b"never read")
    manifest = open_package(package_of(folder, small)).manifest
    assert "torch" in manifest.versions
    assert manifest.encoders == open_package(small.package).manifest.encoders


def test_settings_in_the_processor_s_file(small: Exported, tmp_path: Path) -> None:
    """transformers 5 saves the preprocessor of a processor within processor_config.json."""
    weights = shutil.copytree(small.encoder, tmp_path / "weights")
    (weights / "preprocessor_config.json").unlink()
    assert load_encoder(open_checkpoint(weights)).normalize
    settings = Wav2Vec2FeatureExtractor(do_normalize=False).to_dict()
    processor = weights / "processor_config.json"
    processor.write_text(json.dumps({"feature_extractor": settings}))
    assert not load_encoder(open_checkpoint(weights)).normalize
    processor.write_text(json.dumps({"processor_class": "Wav2Vec2Processor"}))
    assert load_encoder(open_checkpoint(weights)).normalize


def test_from_the_hub_by_the_command(
    given: Callable[[str], Path], small: Exported, tmp_path: Path
) -> None:
    layout = shutil.copytree(given("group"), tmp_path / "layout")
    path = graph_path(layout)
    (layout / "onnx").mkdir(exist_ok=True)
    path.rename(layout / "onnx" / "model.onnx")
    (layout / "onnx" / "model_quantized.onnx").write_bytes(b"int8")
    hub = Hub(HUB_ID, layout)
    published = save_published(tmp_path / "published", small.head, joblib.dump)
    with serve(hub) as address:
        result = subprocess.run(
            [sys.executable, "-m", "edge_export", "--encoder", HUB_ID, "--classifier", published,
             "--out", tmp_path / "out"],
            capture_output=True,
            text=True,
            env={**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf"),
                 "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert not any("quantized" in request for request in hub.requests)
    provenance = open_package(tmp_path / "out").manifest.provenance
    assert (provenance.encoder, provenance.encoder_revision) == (HUB_ID, hub.commit)


def test_optimum_that_is_not_installed(small: Exported, tmp_path: Path) -> None:
    if find_spec("optimum"):
        pytest.skip("optimum is installed here; tests/optimum exports through it")
    head = small.head
    with pytest.raises(ExportError, match=r"pip install 'edge-detect\[optimum\]'"):
        export_package(
            small.encoder, head.scaler, head.classifier, tmp_path / "out", exporter="optimum"
        )
    assert not any(tmp_path.iterdir())


def test_an_unknown_exporter(small: Exported, tmp_path: Path) -> None:
    head = small.head
    with pytest.raises(ExportError, match="no exporter 'tensorflow'; there are torch, optimum"):
        export_package(
            small.encoder, head.scaler, head.classifier, tmp_path / "out",
            exporter="tensorflow",  # type: ignore[arg-type]
        )  # fmt: skip
