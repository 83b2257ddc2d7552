"""A package is whole and true, or not there."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import edge_export.conversion as conversion
from edge_detect import Detector
from edge_detect.errors import AudioError
from edge_detect.store import file_sha256, open_package
from edge_export import EncoderError, ExportError, HeadError, ParityError, export_package
from edge_export.blocks import MICROSOFT
from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import Encoder, load_encoder
from edge_export.fitted import make_head
from edge_export.probes import voice
from edge_export.reference import TorchReference
from tests.export.conftest import CLASSES, CONFIGS, SMALL, Exported, fit_head, save_encoder
from tests.runtime.conftest import DECISION


def test_files_and_manifest(small: Exported) -> None:
    package = open_package(small.package)
    manifest = package.manifest
    files = sorted(path.relative_to(package.folder).as_posix()
                   for path in package.folder.rglob("*") if path.is_file())  # fmt: skip
    golden = [clip.file for clip in manifest.golden]
    assert files == sorted(
        ["README.md", "classifier.onnx", "encoder.onnx", "manifest.json", *golden]
    )
    assert manifest.labels == small.head.labels
    assert manifest.bonafide_labels == ()
    assert (manifest.sample_rate, manifest.min_samples) == (16_000, 400)
    assert manifest.hidden_size == SMALL["hidden_size"]
    assert manifest.provenance.encoder == "encoder"
    assert manifest.provenance.encoder_sha256 == file_sha256(small.encoder / "model.safetensors")
    assert manifest.parity.embedding_max_abs <= 1e-4
    assert manifest.versions["torch"].startswith("2.")
    assert "class_0" in (package.folder / "README.md").read_text(encoding="utf-8")


def test_golden_clips_are_answered_as_stored(small: Exported) -> None:
    detector = Detector.load(small.package)
    assert detector.manifest.golden
    for clip in detector.manifest.golden:
        path = small.package / clip.file
        assert file_sha256(path) == clip.sha256
        np.testing.assert_allclose(detector.embed(path), clip.embedding, atol=1e-4)
        probabilities = list(detector.predict(path).probabilities.values())
        np.testing.assert_allclose(probabilities, clip.probabilities, atol=1e-5)


def test_encoder_graph(small: Exported) -> None:
    model = onnx.load(small.package / "encoder.onnx")
    [waveform], [embedding] = model.graph.input, model.graph.output
    assert (waveform.name, embedding.name) == ("waveform", "embedding")
    dims = [d.dim_param or d.dim_value for d in waveform.type.tensor_type.shape.dim]
    assert dims == ["batch", "samples"]
    assert embedding.type.tensor_type.shape.dim[1].dim_value == SMALL["hidden_size"]
    assert {opset.domain for opset in model.opset_import} == {"", MICROSOFT}
    assert b"site-packages" not in (small.package / "encoder.onnx").read_bytes()


def test_classifier_graph(small: Exported) -> None:
    model = onnx.load(small.package / "classifier.onnx")
    assert [tensor.name for tensor in model.graph.input] == ["embedding"]
    assert "probabilities" in [tensor.name for tensor in model.graph.output]
    assert "ZipMap" not in {node.op_type for node in model.graph.node}


def test_a_head_of_two_named_classes(small: Exported, tmp_path: Path) -> None:
    targets = np.where(np.arange(40) % 2, "spoof", "bonafide")
    embeddings = np.random.default_rng(0).standard_normal((40, SMALL["hidden_size"]))
    scaler = StandardScaler().fit(embeddings)
    classifier = LogisticRegression().fit(scaler.transform(embeddings), targets)
    out = export_package(
        small.encoder, scaler, classifier, tmp_path / "two", licence="MIT", cuts_silence=True
    )
    manifest = open_package(out).manifest
    assert manifest.cuts_silence
    assert not open_package(small.package).manifest.cuts_silence
    assert manifest.labels == ("bonafide", "spoof")
    assert manifest.bonafide_labels == ("bonafide",)
    assert manifest.licence == "MIT"


@pytest.mark.parametrize("normalize", [True, False])
def test_normalisation_is_as_the_preprocessor_says(tmp_path: Path, normalize: bool) -> None:
    encoder = save_encoder(
        tmp_path / "encoder", normalize=normalize, **{**SMALL, **CONFIGS["layer-stable"]}
    )
    head = fit_head(TorchReference(load_encoder(open_checkpoint(encoder))))
    out = export_package(encoder, head.scaler, head.classifier, tmp_path / "out")
    detector = Detector.load(out)
    assert detector.manifest.normalize is normalize
    clip = voice(1.0, 16_000)
    plain, offset = (detector.embed((x.astype(np.float32), 16_000)) for x in (clip, clip + 0.5))
    assert np.allclose(plain, offset, atol=1e-4) is normalize


def test_nothing_is_left_where_parity_fails(
    small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = conversion.FORMS["fast"]

    def write_wrong_graph(encoder: Encoder, path: Path) -> None:
        # The smallest of lies: one bias, off by a hundredth.
        model = copy.deepcopy(encoder.model)
        with torch.no_grad():
            model.feature_projection.layer_norm.bias[0] += 1e-2
        write(replace(encoder, model=model), path)

    monkeypatch.setitem(conversion.FORMS, "fast", write_wrong_graph)
    head = small.head
    with pytest.raises(ParityError, match="nothing was written"):
        export_package(small.encoder, head.scaler, head.classifier, tmp_path / "out" / "package")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_existing_folder_is_left_alone(small: Exported, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ExportError, match="exists"):
        export_package(small.encoder, small.head.scaler, small.head.classifier, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda kw: kw.update(labels=["a", "b"]), "2 labels for 5 classes"),
        (lambda kw: kw.update(labels=["a"] * CLASSES), "a label twice"),
        (lambda kw: kw.update(bonafide_labels=["human"]), "'human'"),
        (lambda kw: kw.update(scaler=StandardScaler()), "not fitted"),
        (lambda kw: kw.update(classifier=LogisticRegression()), "not fitted"),
        (lambda kw: kw.update(classifier=object()), "got a object"),
        (lambda kw: kw.update(scaler=StandardScaler().fit(np.eye(3))), "3 features"),
        (lambda kw: kw.update(decision=DECISION), "no label means bona fide"),
        (lambda kw: kw.update(golden=["no.wav"]), "no file"),
        (lambda kw: kw.update(encoder="no/such/folder/at/all"), "neither a folder nor a hub id"),
        (lambda kw: kw.update(encoder="../mistyped"), "neither a folder nor a hub id"),
        (lambda kw: kw.update(encoder="a--b/c..d"), "the hub did not give 'a--b/c..d'"),
        (lambda kw: kw.update(revision="main"), "has no revision"),
    ],
)  # fmt: skip
def test_wrong_arguments(
    small: Exported, tmp_path: Path, change: Callable[[dict[str, object]], None], message: str
) -> None:
    arguments: dict[str, object] = {
        "encoder": small.encoder,
        "scaler": small.head.scaler,
        "classifier": small.head.classifier,
    }
    change(arguments)
    with pytest.raises((ExportError, AudioError), match=message):
        export_package(out=tmp_path / "out", **arguments)
    assert not any(tmp_path.iterdir())


def test_a_head_of_another_width(small: Exported, tmp_path: Path) -> None:
    features = np.random.default_rng(0).standard_normal((10, 7))
    scaler = StandardScaler().fit(features)
    classifier = LogisticRegression().fit(features, np.arange(10) % 2)
    with pytest.raises(HeadError, match="takes 7 features, the encoder gives 48"):
        export_package(small.encoder, scaler, classifier, tmp_path / "out")


def test_labels_in_another_order_than_the_classes(small: Exported) -> None:
    features = np.random.default_rng(0).standard_normal((10, 7))
    scaler = StandardScaler().fit(features)
    classifier = LogisticRegression().fit(features, np.array(["real", "fake"] * 5))
    with pytest.raises(HeadError, match="order"):
        make_head(scaler, classifier, ("real", "fake"))


@pytest.mark.parametrize(
    "fault", ["type", "json", "config", "weights", "incomplete", "pickle only"]
)
def test_a_checkpoint_that_can_not_be_used(small: Exported, tmp_path: Path, fault: str) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(small.encoder, tmp_path / "encoder")
    config, weights = folder / "config.json", folder / "model.safetensors"
    if fault == "type":
        config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "hubert"}))
    elif fault == "json":
        config.write_text("{")
    elif fault == "config":
        config.write_text(json.dumps({**json.loads(config.read_text()), "hidden_size": "wide"}))
    elif fault == "weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif fault == "incomplete":
        tensors = load_file(weights)
        del tensors["encoder.layers.1.final_layer_norm.weight"]
        save_file(tensors, weights, metadata={"format": "pt"})
    else:
        weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="encoder"):
        export_package(folder, small.head.scaler, small.head.classifier, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_a_task_model_without_preprocessor(small: Exported, tmp_path: Path) -> None:
    """As facebook/wav2vec2-base-960h: the encoder within a CTC model, the weight norm under its
    old names, the vector that masks frames not there."""
    import shutil

    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(small.encoder, tmp_path / "ctc")
    tensors = load_file(folder / "model.safetensors")
    old_names = {"parametrizations.weight.original0": "weight_g",
                 "parametrizations.weight.original1": "weight_v"}  # fmt: skip
    renamed = {}
    for key, value in tensors.items():
        for new, old in old_names.items():
            key = key.replace(new, old)
        renamed[f"wav2vec2.{key}"] = value
    del renamed["wav2vec2.masked_spec_embed"]
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "preprocessor_config.json").unlink()
    out = export_package(folder, small.head.scaler, small.head.classifier, tmp_path / "out")
    clip = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32), 16_000
    np.testing.assert_allclose(
        Detector.load(out).embed(clip), Detector.load(small.package).embed(clip), atol=1e-6
    )
