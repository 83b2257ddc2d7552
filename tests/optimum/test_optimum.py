"""Encoders by optimum itself: its folders, and `--exporter optimum`.

optimum-onnx holds transformers back, so this runs in an environment of its own, with the extra
`optimum`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import onnx
import pytest

from edge_detect import Detector
from edge_detect.store import open_package
from edge_export import EncoderError, export_package
from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import load_encoder
from edge_export.parity import EMBEDDING_MAX_ABS, PROBABILITY_MAX_ABS
from edge_export.probes import voice
from edge_export.reference import TorchReference
from tests.conftest import Waveform
from tests.export.conftest import (
    CONFIGS,
    RATE,
    SMALL,
    Fitted,
    fit_head,
    save_encoder,
    save_published,
)

if find_spec("optimum") is None:
    pytest.skip("needs the extra optimum, in an environment of its own", allow_module_level=True)

OPTIMUM_CLI = Path(sys.executable).with_name("optimum-cli")
KINDS = [*CONFIGS, "base"]


@dataclass(frozen=True)
class Trained:
    """Weights, a head that was fitted on their embeddings, and torch's answers."""

    weights: Path
    head: Fitted
    reference: TorchReference

    def export(self, encoder: Path, out: Path, **options: str) -> Detector:
        package = export_package(
            encoder, self.head.scaler, self.head.classifier, out,
            labels=self.head.labels, **options,  # type: ignore[arg-type]
        )  # fmt: skip
        return Detector.load(package, device="cpu")

    def assert_parity(self, detector: Detector, clip: Waveform) -> None:
        source = (clip.astype(np.float32), RATE)
        expected = self.reference.embed(source[0])
        assert np.abs(detector.embed(source) - expected).max() <= EMBEDDING_MAX_ABS
        found = list(detector.predict(source).probabilities.values())
        difference = np.abs(found - self.head.probabilities(expected)).max()
        assert difference <= PROBABILITY_MAX_ABS


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """A named config with a head, made once."""
    done: dict[str, Trained] = {}

    def get(kind: str) -> Trained:
        if kind not in done:
            sizes = {} if kind == "base" else {**SMALL, **CONFIGS[kind]}
            weights = save_encoder(tmp_path_factory.mktemp(kind) / "weights", **sizes)
            reference = TorchReference(load_encoder(open_checkpoint(weights)))
            head = fit_head(reference, clips=10 if kind == "base" else 40)
            done[kind] = Trained(weights, head, reference)
        return done[kind]

    return get


def optimum_cli(weights: Path, folder: Path, *options: str) -> Path:
    """What `optimum-cli export onnx` makes of a Hugging Face folder."""
    result = subprocess.run(
        [OPTIMUM_CLI, "export", "onnx", "--model", weights, *options, folder],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert result.returncode == 0, result.stderr
    return folder


FEATURES = ("--task", "feature-extraction")

CLIPS = {
    "shortest": lambda x: x[1600:2000],
    "voice": lambda x: x,
    "quiet": lambda x: 0.002 * x,
    "offset": lambda x: 0.5 * x + 0.5,
    "half silence": lambda x: np.where(np.arange(len(x)) < len(x) // 2, x, 0),
    # optimum's own graph is off by up to 1e-3 here: onnxruntime sums over time in float32.
    "mostly silence": lambda x: np.concatenate([x[:RATE], np.zeros(29 * RATE)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_optimum_made(
    trained: Callable[[str], Trained], tmp_path: Path, kind: str
) -> None:
    made = trained(kind)
    folder = optimum_cli(made.weights, tmp_path / "folder", *FEATURES)
    assert not list(folder.glob("*.safetensors"))
    detector = made.export(folder, tmp_path / "package")
    for change in CLIPS.values():
        made.assert_parity(detector, change(voice(2.0, RATE)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_exporter_optimum(trained: Callable[[str], Trained], tmp_path: Path, kind: str) -> None:
    made = trained(kind)
    detector = made.export(made.weights, tmp_path / "package", exporter="optimum")
    for change in CLIPS.values():
        made.assert_parity(detector, change(voice(2.0, RATE)))
    assert {"optimum", "optimum-onnx", "torch"} <= detector.manifest.versions.keys()


def test_by_the_command(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    made = trained("group")
    published = save_published(tmp_path / "published", made.head, joblib.dump)
    result = subprocess.run(
        [sys.executable, "-m", "edge_export", "--encoder", made.weights, "--exporter", "optimum",
         "--classifier", published, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, f"{tmp_path / 'out'}\n"), result.stderr
    assert result.stderr == ""
    package = open_package(tmp_path / "out")
    content = package.verified(package.encoder("fp32")).read_bytes()
    assert b"site-packages" not in content
    assert str(tmp_path).encode() not in content


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--task", "automatic-speech-recognition"), "gives logits, .* --task feature-extraction"),
        ((*FEATURES, "--no-dynamic-axes"), "samples or clips only"),
    ],
    ids=["another task", "fixed axes"],
)
def test_a_folder_of_another_kind_is_refused(
    trained: Callable[[str], Trained], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    made = trained("group")
    folder = optimum_cli(made.weights, tmp_path / "folder", *options)
    with pytest.raises(EncoderError, match=message):
        made.export(folder, tmp_path / "package")
    assert not (tmp_path / "package").exists()


def test_an_older_opset(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    made = trained("group")
    folder = optimum_cli(made.weights, tmp_path / "folder", *FEATURES, "--opset", "14")
    [opset] = onnx.load(folder / "model.onnx").opset_import
    assert opset.version == 14
    made.assert_parity(made.export(folder, tmp_path / "package"), voice(2.0, RATE))
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert settings["do_normalize"]
