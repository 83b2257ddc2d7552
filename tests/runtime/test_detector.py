"""The detector on the tiny package: the golden answer, batches, failures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_detect import Detection, Detector, Failure, InferenceError, ModelError
from edge_detect.errors import NoSpeech, TooShort
from tests.conftest import FIXTURES, Waveform


@pytest.fixture(scope="module")
def detector(tiny: Path) -> Detector:
    return Detector.load(tiny, device="cpu", threads=1)


def test_the_golden_clip(detector: Detector, tiny: Path) -> None:
    [golden] = detector.manifest.golden
    np.testing.assert_allclose(detector.embed(tiny / golden.file), golden.embedding, atol=1e-5)
    detection = detector.predict(tiny / golden.file)
    assert list(detection.probabilities.values()) == pytest.approx(golden.probabilities, abs=1e-5)


def test_a_detection(detector: Detector, speech_path: Path) -> None:
    detection = detector.predict(speech_path)
    assert detection.source == str(speech_path)
    assert detection.label == max(detection.probabilities, key=detection.probabilities.__getitem__)
    assert detection.confidence == detection.probabilities[detection.label]
    assert sum(detection.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert detection.spoof_probability == detection.probabilities["spoof"]
    assert detection.duration_s == pytest.approx(5.3)
    assert (detection.mode, detection.device) == ("whole", "cpu")
    assert (detection.model.name, detection.model.precision) == ("tiny", "fp32")


def test_an_embedding(detector: Detector, speech_path: Path) -> None:
    embedding = detector.embed(speech_path)
    assert embedding.shape == (8,)
    assert embedding.dtype == np.float32


def test_path_bytes_and_array_agree(
    detector: Detector, speech_path: Path, speech: Waveform
) -> None:
    by_path = detector.predict(speech_path)
    for source, name in (
        (str(speech_path), str(speech_path)),
        (speech_path.read_bytes(), "<bytes>"),
        ((speech, 16_000), "<waveform>"),
    ):
        detection = detector.predict(source)
        assert detection.source == name
        assert detection.probabilities == by_path.probabilities


def test_one_bad_file_never_stops_the_rest(detector: Detector, tmp_path: Path) -> None:
    good = sorted(FIXTURES.glob("*/*.opus"))
    bad = tmp_path / "bad.wav"
    bad.write_text("no audio")
    sources = [good[0], bad, good[1], b"", (np.zeros(16_000, np.float32), 16_000), good[2]]
    results = list(detector.predict_batch(sources))
    kinds = [type(result) for result in results]
    assert kinds == [Detection, Failure, Detection, Failure, Failure, Detection]
    assert [r.error.type for r in results if isinstance(r, Failure)] == [
        "unsupported_audio",
        "empty_file",
        "no_speech",
    ]
    assert results[0] == detector.predict(good[0])


def test_a_batch_is_answered_as_it_is_asked(detector: Detector, speech_path: Path) -> None:
    def endless() -> object:
        while True:
            yield speech_path

    results = detector.predict_batch(endless())
    assert isinstance(next(results), Detection)
    assert isinstance(next(results), Detection)


def test_the_shortest_clip(detector: Detector, speech: Waveform) -> None:
    loud = speech[20_000:20_400]
    assert detector.predict((loud, 16_000)).duration_s == 0.025
    with pytest.raises(TooShort):
        detector.predict((loud[:399], 16_000))


def test_silence(detector: Detector) -> None:
    with pytest.raises(NoSpeech):
        detector.predict((np.zeros(16_000, np.float32), 16_000))


def test_samples_whose_squares_overflow(detector: Detector, speech: Waveform) -> None:
    wild = detector.predict((speech * np.float32(1e37), 16_000))
    usual = detector.predict((speech, 16_000))
    assert wild.confidence == pytest.approx(usual.confidence, abs=1e-4)


def test_labels_that_the_classifier_does_not_have(
    tiny: Path, tmp_path: Path, speech_path: Path
) -> None:
    folder = shutil.copytree(tiny, tmp_path / "tiny")
    data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    data["labels"].append("third")
    (folder / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InferenceError, match="2 probabilities for 3 labels"):
        Detector.load(folder).predict(speech_path)


@pytest.mark.parametrize("model", ["nonsense", Path("nowhere")])
def test_no_such_model(model: str | Path) -> None:
    with pytest.raises(ModelError):
        Detector.load(model)
