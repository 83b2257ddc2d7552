"""What the README shows of the export and the training runs as it stands there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tests.conftest import FIXTURES, WRITERS, Waveform, serve_folder
from tests.export.conftest import SMALL, Exported, Fitted, plain_pickle, save_published
from tests.export.hub_server import Hub, serve
from tests.readme import arguments, commands

PUBLISHED = "hjsgfd/deepfake_audio_classifier"
ENCODER = "facebook/wav2vec2-base-960h"


def run(command: str, folder: Path, web: str | None = None, **environment: str) -> str:
    """Run a command of the README in a folder; it must succeed. Returns what it printed."""
    result = subprocess.run(
        [sys.executable, "-m", "edge_detect", *arguments(command, web)],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "EDGE_DETECT_CACHE": str(folder / "cache"), **environment},
    )
    assert result.returncode == 0, result.stderr
    assert "error" not in result.stderr
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path, speech: Waveform) -> Path:
    """A user's folder: a clip in every format, and a dozen clips under two labels."""
    for ending in ("wav", "mp3", "flac", "ogg", "m4a"):
        WRITERS[ending](tmp_path / f"clip.{ending}", speech)
    for label, kind in (("real", "real"), ("fake", "synthetic")):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for name, path in zip("abcdefg", sorted((FIXTURES / kind).iterdir()), strict=True):
            shutil.copy(path, tmp_path / "clips" / label / f"{name}.wav")  # the content counts
    return tmp_path


def test_ship_your_own_model(small: Exported, folder: Path) -> None:
    embeddings = np.random.default_rng(0).standard_normal((20, SMALL["hidden_size"]))
    scaler = StandardScaler().fit(embeddings)
    targets = np.array(["bonafide", "spoof"] * 10)
    classifier = LogisticRegression().fit(scaler.transform(embeddings), targets)
    head = Fitted(scaler, classifier, ("bonafide", "spoof"))
    save_published(folder / "my-head", head, plain_pickle)
    shutil.copytree(small.encoder, folder / "my-wav2vec2")
    export, verdict = commands("Ship your own model")
    assert run(export, folder) == "my-model\n"
    assert run(verdict, folder).split()[:4] == ["file", "label", "confidence", "duration"]


def test_train_on_your_own_clips(folder: Path) -> None:
    train, verdict = commands("Train on your own clips")
    assert "report" in run(train, folder)
    assert {"metrics.json", "report.html"} <= {
        path.name for path in (folder / "my-model").iterdir()
    }
    assert "clip.wav" in run(verdict, folder)


def test_coming_from_the_published_detector(small: Exported, folder: Path) -> None:
    """Every feature of the published README, from its import on, in one folder."""
    published = save_published(folder / "published", small.head, plain_pickle)
    metadata = {"feature_extractor": ENCODER, "class_labels": list(small.head.labels)}
    (published / "model_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    export, single, formats, url, many, probabilities, show, train = commands(
        "Coming from the published detector"
    )
    with serve(Hub(PUBLISHED, published), Hub(ENCODER, small.encoder)) as address:
        assert run(export, folder, HF_ENDPOINT=address, HF_HOME=str(folder / "hf"))
    assert "class_" in run(single, folder)
    assert run(formats, folder).count("class_") == 5
    with serve_folder(folder) as web:
        assert f"{web}/clip.mp3" in run(url, folder, web)
    _, *rows = run(many, folder).splitlines()
    assert [row.split(",")[0] for row in rows] == ["clips/real/a.wav", "clips/fake/b.wav"]
    [answer] = json.loads(run(probabilities, folder))["results"]
    assert list(answer["probabilities"]) == list(small.head.labels)
    assert "class_0, class_1" in run(show, folder)
    summary = run(train, folder)
    assert all(word in summary for word in ("logistic regression", "SVM", "random forest"))
