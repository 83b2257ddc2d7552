"""Lower precisions: what they cost is measured, stored, and refused above the bound."""

import inspect
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import soundfile

from edge_detect import Detector
from edge_detect.manifest import Quality, read_manifest
from edge_detect.processor import cpu_kind
from edge_export import export_package
from edge_export.__main__ import Precision as CommandPrecision
from edge_export.__main__ import export
from edge_export.conversion import Precision
from edge_export.errors import QualityError
from edge_export.parity import Pair
from edge_export.quality import MAX_FLIP_RATE, JudgedClip, QualityClips, measure_quality
from tests.export.conftest import RATE, Exported, noisy_clip

# Of random weights, narrow layers and clips that are mostly noise: what is trained does better.
LEAST_COSINE = {"int8": 0.999, "fp16": 0.999}


def export_lower(small: Exported, out: Path, **options: Any) -> Path:
    """The small encoder in every precision; its head is of no meaning, so flips are let by."""
    options = {"precisions": ("int8", "fp16"), "max_flips": 1.0, **options}
    head = small.head
    return export_package(
        small.encoder, head.scaler, head.classifier, out, labels=head.labels, **options
    )


def test_lower_precisions_stand_beside_fp32(small: Exported, tmp_path: Path) -> None:
    package = export_lower(small, tmp_path / "package")
    exact, int8, fp16 = read_manifest(package).encoders
    assert (exact.precision, exact.quality, exact.speedup) == ("fp32", None, {})
    assert (int8.precision, int8.file, int8.devices) == ("int8", "encoder.int8.onnx", ("cpu",))
    assert (fp16.precision, fp16.file, fp16.devices) == ("fp16", "encoder.fp16.onnx", ("cuda",))
    assert list(int8.speedup) == [cpu_kind()]
    assert fp16.speedup == {}
    for graph in (int8, fp16):
        assert graph.quality is not None
        assert graph.quality.clips == 100
        assert LEAST_COSINE[graph.precision] < graph.quality.cosine_min
        assert 0.999 < graph.quality.cosine_mean < 1
        assert (graph.quality.eer, graph.quality.source) == (None, "made by arithmetic")
    assert "int8 against fp32, over 100 clips" in (package / "README.md").read_text("utf-8")
    clip = noisy_clip(3, RATE)
    lower = Detector.load(package, device="cpu", precision="int8").embed((clip, RATE))
    assert Pair("", lower, small.reference.embed(clip)).cosine > 0.999


def test_too_many_flips_are_refused(
    small: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = measure_quality

    def flipping(pairs: Any, *rest: Any) -> Quality:
        turned = [Pair(p.probe, -100 * p.embedding, p.expected) for p in pairs]
        return real(turned, *rest)

    monkeypatch.setattr("edge_export.quality.measure_quality", flipping)
    with pytest.raises(QualityError, match=r"int8 changes \d+ of 100 verdicts \(at most 1.0%\)"):
        export_lower(small, tmp_path / "package", precisions=("int8",), max_flips=0.01)
    assert not list(tmp_path.iterdir())


def test_clips_of_a_folder_with_labels_give_error_rates(small: Exported, tmp_path: Path) -> None:
    for i in range(8):
        folder = tmp_path / "clips" / small.head.labels[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{i}.wav", noisy_clip(i, RATE), RATE)
    package = export_lower(
        small,
        tmp_path / "package",
        precisions=("int8",),
        quality_folder=tmp_path / "clips",
        bonafide_labels=[small.head.labels[0]],
    )
    quality = read_manifest(package).encoders[1].quality
    assert quality is not None
    assert (quality.source, quality.clips) == ("clips", 8)
    assert quality.eer is not None
    assert quality.eer_reference is not None
    assert 0 <= quality.eer <= 1


def test_an_empty_folder_of_clips_is_refused(small: Exported, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with pytest.raises(QualityError, match="no file below"):
        export_lower(small, tmp_path / "package", quality_folder=tmp_path / "clips")
    assert not (tmp_path / "package").exists()


class SignHead:
    """Says "real" where the first component is positive, by its logistic."""

    labels = ("real", "fake")

    def probabilities(self, embeddings: Any) -> Any:
        real = 1 / (1 + np.exp(-embeddings[:, 0]))
        return np.stack([real, 1 - real], axis=1)


def test_the_figures_are_those_of_the_definition() -> None:
    right = np.array([[2.0, 0], [1, 0], [-1, 0], [-2, 0]])
    found = np.array([[2.0, 0], [-1, 0], [-1, 0], [-2, 2]])
    pairs = [Pair("", f, r) for f, r in zip(found, right, strict=True)]
    names = ("real", "real", "fake", "fake")
    clips = QualityClips("four", [JudgedClip(np.zeros(1, np.float32), n) for n in names])
    quality = measure_quality(pairs, SignHead(), ("real",), clips)
    assert (quality.clips, quality.flips) == (4, 1)
    assert quality.cosine_min == pytest.approx(-1)
    assert quality.cosine_mean == pytest.approx((1 - 1 + 1 + np.sqrt(0.5)) / 4)
    assert quality.probability_max_abs == pytest.approx(np.tanh(0.5))
    assert quality.probability_mean_abs == pytest.approx(np.tanh(0.5) / 4)
    assert quality.flip_rate_low == pytest.approx(0.0456, abs=1e-4)
    assert quality.flip_rate_high == pytest.approx(0.6994, abs=1e-4)
    assert quality.eer_reference == 0
    assert quality.eer == pytest.approx(0.25)


def test_the_command_takes_what_the_export_takes() -> None:
    assert inspect.signature(export).parameters["max_flips"].default == MAX_FLIP_RATE
    assert [p.value for p in CommandPrecision] == list(get_args(Precision))
