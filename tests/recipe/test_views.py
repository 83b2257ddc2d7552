"""Clips amid silence, and what that adds to their features."""

import math
from pathlib import Path

import numpy as np
import pytest

from clips import Clip, store
from sources import Label, Split
from views import Pause, draw_pause, features_of_silence

RATE = 16_000


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(6):
        path = f"clips/source/{number}.flac"
        noise = rng.normal(0, 0.1, RATE * (1 + number)).astype(np.float32)
        seconds = store(noise, tmp_path / path)
        rows.append(Clip(path, Label.BONAFIDE, "source", "s", "en", "", Split.TRAIN, "", seconds))
    return rows


@pytest.mark.parametrize("noise_db", [-math.inf, -60.0])
def test_a_clip_stands_amid_its_silence(noise_db: float) -> None:
    waveform = np.linspace(-1, 1, RATE, dtype=np.float32)
    whole = Pause(2.0, 0.25, noise_db, 7).around(waveform)
    assert whole.dtype == np.float32
    assert len(whole) == 3 * RATE
    before, heard, behind = np.split(whole, [RATE // 2, RATE // 2 + RATE])
    level = 10 ** (noise_db / 20)
    np.testing.assert_allclose(heard, waveform, atol=6 * level)
    for silence in (before, behind):
        assert silence.std() == pytest.approx(level, rel=0.05)


def test_a_copy_has_the_silence_of_its_original(clips: list[Clip]) -> None:
    original, other = clips[:2]
    copy = Clip("clips/v/0.flac", Label.SPOOF, "v", "s", "en", "", Split.TRAIN, original.path, 1.0)
    assert draw_pause(copy) == draw_pause(original) != draw_pause(other)


def test_features_of_silence_are_those_of_the_silence_alone(
    clips: list[Clip], tmp_path: Path
) -> None:
    """By a mean over samples, which knows no frames at the borders."""

    def loudness(waveform: np.ndarray) -> np.ndarray:
        return np.array([np.abs(waveform).mean(dtype=np.float64)])

    alone = np.stack([loudness(clip.read(tmp_path)) for clip in clips])
    silence = features_of_silence(clips, tmp_path, alone, loudness)
    levels = [10 ** (draw_pause(clip).noise_db / 20) for clip in clips]
    assert any(levels)
    assert not all(levels)
    for clip, [found], level in zip(clips, silence, levels, strict=True):
        peak = np.abs(clip.read(tmp_path)).max()
        assert found == pytest.approx(math.sqrt(2 / math.pi) * level * peak, abs=2e-5)
