"""What runs in onnxruntime gives what torch and scikit-learn give, whatever the input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_detect import Detector
from edge_detect.audio import load_audio
from edge_export import parity
from edge_export.parity import Pair, prove_embedding
from edge_export.probes import voice
from tests.conftest import FIXTURES, WRITERS
from tests.export.conftest import CONFIGS, RATE, Exported

SECONDS = [0.025, 0.1, 1.0, 4.0, 10.0, 30.0, 60.0]

LEVELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "quiet": lambda x: 0.002 * x,
    "silence floor": lambda x: np.where(np.arange(len(x)) < len(x) // 2, x, 0),
    "clipped": lambda x: np.clip(30 * x, -1, 1),
    "offset": lambda x: 0.5 * x + 0.5,
    "loud": lambda x: 100 * x,
}

Get = Callable[[str], Exported]


def assert_parity(exported: Exported, detector: Detector, waveform: np.ndarray) -> None:
    """The package, through the runtime's front door, against the reference pipeline."""
    source = (waveform.astype(np.float32), RATE)
    expected = exported.reference.embed(source[0])
    detection = detector.predict(source)
    prove_embedding([Pair("clip", detector.embed(source), expected)], len(source[0]) / RATE)
    probabilities = exported.head.probabilities(expected)
    answered = np.array(list(detection.probabilities.values()))
    np.testing.assert_allclose(answered, probabilities, rtol=0, atol=parity.PROBABILITY_MAX_ABS)
    assert detection.label == exported.head.labels[probabilities.argmax()]


def test_the_bounds_are_the_stated_ones() -> None:
    assert parity.EMBEDDING_MAX_ABS == 1e-4
    assert parity.EMBEDDING_MIN_COSINE == 0.999999
    assert parity.PROBABILITY_MAX_ABS == 1e-5


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("kind", [*CONFIGS, "base"])
def test_lengths(exported: Get, kind: str, seconds: float) -> None:
    made = exported(kind)
    detector = Detector.load(made.package, device="cpu")
    # From the middle of a syllable, so that the shortest clip is no silence.
    waveform = voice(seconds + 0.1, RATE)[1600 : 1600 + round(seconds * RATE)]
    assert_parity(made, detector, waveform)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", [*CONFIGS, "base"])
def test_levels(exported: Get, kind: str, level: str) -> None:
    made = exported(kind)
    detector = Detector.load(made.package, device="cpu")
    assert_parity(made, detector, LEVELS[level](voice(2.0, RATE)))


@pytest.mark.parametrize("kind", CONFIGS)
def test_odd_lengths(exported: Get, kind: str) -> None:
    made = exported(kind)
    detector = Detector.load(made.package, device="cpu")
    for samples in (401, 719, 720, 721, 4_001, 31_999):
        assert_parity(made, detector, voice(3.0, RATE)[2000 : 2000 + samples])


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.opus")), ids=lambda path: path.stem)
def test_files(small: Exported, path: Path) -> None:
    reference = small.reference
    expected = reference.embed(reference.load_audio(path))
    embedding = Detector.load(small.package).embed(path)
    np.testing.assert_allclose(embedding, expected, atol=1e-4)


@pytest.mark.parametrize("ending", [e for e in WRITERS if e not in {"m4a", "aac", "webm", "mp4"}])
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_audio_is_what_librosa_loads(
    small: Exported, tmp_path: Path, ending: str, rate: int
) -> None:
    import soundfile

    path = tmp_path / f"a.{ending}"
    stereo = np.stack([voice(2.3, rate), 0.3 * voice(2.3, rate)[::-1]], axis=1)
    rate = {"opus": 48_000}.get(ending, rate)
    kind = {"opus": {"format": "OGG", "subtype": "OPUS"}}.get(ending, {})
    soundfile.write(path, np.clip(stereo, -1, 1), rate, **kind)
    expected = small.reference.load_audio(path)
    waveform = load_audio(path, RATE)
    assert waveform.shape == expected.shape
    np.testing.assert_allclose(waveform, expected, atol=1e-6)
