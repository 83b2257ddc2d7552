"""The weights of a large graph stand in a file beside it, as much a part of the package."""

from pathlib import Path

import numpy as np
import pytest

import edge_export.graph as graph_module
from edge_detect import Detector, ModelError
from edge_detect.store import open_package
from edge_export import export_head, export_package, prepare_encoder
from tests.export.conftest import RATE, Exported, noisy_clip


@pytest.fixture
def mapped(small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small package, its weights treated as those of a large one."""
    monkeypatch.setattr(graph_module, "MAPPED_BYTES", 0)
    head = small.head
    out = tmp_path / "package"
    return export_package(
        small.encoder,
        head.scaler,
        head.classifier,
        out,
        labels=head.labels,
        precisions=("int8",),
        max_flips=1,
    )


def test_it_is_listed_and_used(small: Exported, mapped: Path) -> None:
    exact, int8 = open_package(mapped).manifest.encoders
    assert exact.weights is not None
    assert int8.weights is not None
    assert (exact.weights.file, int8.weights.file) == (
        "encoder.onnx.data",
        "encoder.int8.onnx.data",
    )
    assert (mapped / exact.file).stat().st_size < (mapped / exact.weights.file).stat().st_size
    clip = noisy_clip(0, RATE)
    embedding = Detector.load(mapped, device="cpu", precision="fp32").embed((clip, RATE))
    assert np.abs(embedding - small.reference.embed(clip)).max() <= 1e-5


def test_a_changed_weight_is_found(mapped: Path) -> None:
    path = mapped / "encoder.onnx.data"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"encoder\.onnx\.data' has sha256"):
        Detector.load(mapped, device="cpu", precision="fp32")


def test_a_new_head_takes_it_along(small: Exported, mapped: Path, tmp_path: Path) -> None:
    encoder = prepare_encoder(mapped, tmp_path / "cache")
    package = export_head(encoder, small.head.scaler, small.head.classifier, tmp_path / "other")
    assert sorted(path.name for path in package.glob("encoder*")) == [
        "encoder.onnx",
        "encoder.onnx.data",
    ]
    Detector.load(package, device="cpu").embed((noisy_clip(1, RATE), RATE))
