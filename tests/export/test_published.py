"""The published system's files become a package that answers as the published system did."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import librosa
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_detect import Detector
from edge_detect.audio import load_audio
from edge_detect.store import open_package
from edge_export import HeadError, read_head, read_published
from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import load_encoder
from edge_export.reference import TorchReference
from tests.conftest import DATA, FIXTURES, WRITERS
from tests.export.conftest import RATE, Exported, plain_pickle, save_encoder, save_published
from tests.export.hub_server import Hub, serve

STAND_IN = DATA / "published" / "stand_in"
CLASSIFIER_ID = "someone/deepfake_audio_classifier"
ENCODER_ID = "facebook/wav2vec2-base-960h"

# An interpreter with scikit-learn 1.3; .ci/run makes one. Without it, the answers come from the
# coefficients, by the arithmetic that test_the_stand_in proves against 1.3's stored answers.
OLD_PYTHON = os.environ.get("EDGE_DETECT_SCIKIT_LEARN_1_3")

PREDICT = """
import sys, joblib, numpy as np, sklearn
assert sklearn.__version__.startswith("1.3.")
scaler, classifier = (joblib.load(f"{sys.argv[1]}/{name}.pkl")
                      for name in ("audio_scaler", "deepfake_audio_classifier"))
embeddings = np.load(sys.argv[2])
np.save(sys.argv[3], classifier.predict_proba(scaler.transform(embeddings)))
"""


def published_answers(embeddings: np.ndarray, scratch: Path) -> np.ndarray:
    """What scikit-learn 1.3 gives for float32 embeddings (clips, 768)."""
    if OLD_PYTHON is None:
        return read_head(STAND_IN).probabilities(embeddings)
    asked, answered = scratch / "asked.npy", scratch / "answered.npy"
    np.save(asked, embeddings)
    subprocess.run([OLD_PYTHON, "-c", PREDICT, STAND_IN, asked, answered], check=True)
    answers: np.ndarray = np.load(answered)
    return answers


def test_the_stand_in() -> None:
    head = read_head(STAND_IN)
    embeddings = np.load(DATA / "published" / "embeddings.npy")
    expected = np.load(DATA / "published" / "answers.npy")
    np.testing.assert_allclose(head.probabilities(embeddings), expected, rtol=0, atol=1e-12)
    assert head.labels == ("class_0", "class_1", "class_2", "class_3", "class_4")
    assert read_published(STAND_IN).encoder == ENCODER_ID


def fifty_clips(folder: Path) -> Iterator[Path]:
    """Every fixture, and cuts of 0.2 to 3.8 s of four of them in every format."""
    fixtures = sorted(FIXTURES.glob("*/*.opus"))
    yield from fixtures
    for i, ending in enumerate(WRITERS):
        for j, fixture in enumerate(fixtures[::4]):
            samples = round((0.2 + 0.1 * i + 0.8 * j) * RATE)
            path = folder / f"{i}_{j}.{ending}"
            WRITERS[ending](path, load_audio(fixture, RATE)[RATE // 4 :][:samples])
            yield path


def load_as_published(path: Path) -> np.ndarray:
    """By librosa, but for the containers that only FFmpeg reads."""
    if path.suffix in {".m4a", ".aac", ".webm", ".mp4"}:
        return load_audio(path, RATE)
    waveform, _ = librosa.load(path, sr=RATE, mono=True)
    return waveform


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("base") / "encoder")


def export(*args: str | Path, **environment: str) -> None:
    """The export as a whole process, which must succeed in silence."""
    result = subprocess.run(
        [sys.executable, "-m", "edge_detect", "export", *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_fifty_clips_from_the_hub(base: Path, tmp_path: Path) -> None:
    """The one command: the classifier's metadata names the encoder."""
    package = tmp_path / "package"
    with serve(Hub(CLASSIFIER_ID, STAND_IN), Hub(ENCODER_ID, base)) as address:
        environment = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf")}
        export("--classifier", CLASSIFIER_ID, "--out", package, HF_HUB_OFFLINE="0", **environment)
    manifest = open_package(package).manifest
    assert manifest.provenance.encoder == ENCODER_ID
    assert CLASSIFIER_ID in manifest.provenance.classifier
    clips = list(fifty_clips(tmp_path))
    assert len(clips) >= 50
    reference = TorchReference(load_encoder(open_checkpoint(base)))
    embeddings = np.stack([reference.embed(load_as_published(path)) for path in clips])
    expected = published_answers(embeddings, tmp_path)
    detector = Detector.load(package, device="cpu")
    for path, row in zip(clips, expected, strict=True):
        detection = detector.predict(path)
        answered = list(detection.probabilities.values())
        np.testing.assert_allclose(answered, row, rtol=0, atol=1e-5, err_msg=str(path))
        assert detection.label == f"class_{row.argmax()}", path


def test_from_a_folder(base: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    export("--classifier", STAND_IN, "--encoder", base, "--out", package)
    answers = np.load(DATA / "published" / "answers.npy")
    clip = load_audio(sorted(FIXTURES.glob("*/*.opus"))[0], RATE)[:RATE]
    answered = list(Detector.load(package).predict((clip, RATE)).probabilities.values())
    np.testing.assert_allclose(answered, answers[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("content", [None, "{}", '{"model": "x"}'])
def test_without_labels_the_classes_name_themselves(
    small: Exported, tmp_path: Path, content: str | None
) -> None:
    folder = save_published(tmp_path / "published", small.head, plain_pickle)
    metadata = folder / "model_metadata.json"
    if content is None:
        metadata.unlink()
    else:
        metadata.write_text(content)
    assert read_head(folder).labels == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize("content", ["{", "[]", '{"class_labels": "a"}', '{"class_labels": [1]}'])
def test_broken_metadata(small: Exported, tmp_path: Path, content: str) -> None:
    folder = save_published(tmp_path / "published", small.head, plain_pickle)
    (folder / "model_metadata.json").write_text(content)
    with pytest.raises(HeadError, match=r"model_metadata\.json"):
        read_head(folder)


def test_metadata_file_is_utf8(small: Exported, tmp_path: Path) -> None:
    folder = save_published(tmp_path / "published", small.head, plain_pickle)
    labels = ["настоящий", "b", "c", "d", "e"]
    (folder / "model_metadata.json").write_text(
        json.dumps({"class_labels": labels}, ensure_ascii=False), encoding="utf-8"
    )
    assert read_head(folder).labels == tuple(labels)


Change = Callable[[Path], Any]

FAULTS: dict[str, tuple[Change, str]] = {
    "no scaler": (
        lambda folder: (folder / "audio_scaler.pkl").unlink(),
        r"can't read .*audio_scaler\.pkl.*No such file",
    ),
    "pipeline": (
        lambda folder: joblib.dump(
            make_pipeline(StandardScaler(), LogisticRegression()),
            folder / "deepfake_audio_classifier.pkl",
        ),
        "sklearn.pipeline.Pipeline.*save the pipeline's scaler and classifier as two files",
    ),
    "scaler of another width": (
        lambda folder: joblib.dump(StandardScaler().fit(np.eye(7)), folder / "audio_scaler.pkl"),
        "the scaler takes 7 features, the classifier 768",
    ),
    "scaler that is none": (
        lambda folder: shutil.copy(
            folder / "deepfake_audio_classifier.pkl", folder / "audio_scaler.pkl"
        ),
        "got a LogisticRegression where a StandardScaler is needed",
    ),
    "scaler not fitted": (
        lambda folder: joblib.dump(StandardScaler(), folder / "audio_scaler.pkl"),
        "not fitted",
    ),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_has_a_clear_answer(tmp_path: Path, change: Change, message: str) -> None:
    folder = shutil.copytree(STAND_IN, tmp_path / "published")
    change(folder)
    with pytest.raises(HeadError, match=message):
        read_head(folder)


def test_the_encoder_must_be_named(tmp_path: Path) -> None:
    folder = shutil.copytree(STAND_IN, tmp_path / "published")
    (folder / "model_metadata.json").unlink()
    result = subprocess.run(
        [sys.executable, "-m", "edge_detect", "export", "--classifier", folder, "--out", "x"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.endswith("give the encoder by --encoder")
