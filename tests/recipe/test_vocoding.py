"""Copies made by arithmetic, and copies in a part of the spectrum only."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import soundfile

from tests.conftest import Waveform
from vocoding import TRACES, blend, made_copy

RATE = 16_000


@pytest.fixture(scope="module")
def voice(speech_path: Path) -> Waveform:
    waveform, rate = soundfile.read(speech_path, dtype="float32")
    assert rate == RATE
    return waveform[: 3 * RATE]


def spectrum_of(waveform: Waveform, low: float, high: float) -> Waveform:
    """Of a band in Hz, complex."""
    size = len(waveform)
    return np.fft.rfft(waveform)[int(low * size / RATE) : int(high * size / RATE)]


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.__name__)
def test_a_trace_leaves_the_words_and_changes_the_waveform(trace, voice: Waveform) -> None:
    for seed in range(5):
        made = trace(voice, Random(seed))
        assert made.shape == voice.shape
        assert made.dtype == np.float32
        error = np.sqrt(np.square(made - voice).mean() / np.square(voice).mean())
        assert 0.005 < error < 2
        loudness = [np.square(x).reshape(-1, 1600).mean(axis=1) for x in (made, voice)]
        assert np.corrcoef(*loudness)[0, 1] > 0.9


def test_a_copy_is_the_same_for_a_seed_and_at_the_original_s_level(voice: Waveform) -> None:
    copies = [made_copy(voice, seed) for seed in (1, 1, 2)]
    assert np.array_equal(copies[0], copies[1])
    assert not np.array_equal(copies[0], copies[2])
    assert [np.std(copy) for copy in copies] == pytest.approx([np.std(voice)] * 3, rel=1e-3)


def test_a_blend_is_the_copy_in_one_part_and_the_original_in_the_rest(voice: Waveform) -> None:
    copy = np.random.default_rng(0).normal(0, np.std(voice), len(voice)).astype(np.float32)
    for seed in range(20):
        mixed = blend(copy, voice, seed)
        bands = [(low, low + 100) for low in range(0, 8_000, 100)]
        pieces = [[spectrum_of(x, *band) for x in (mixed, copy, voice)] for band in bands]
        of_copy, of_voice = (
            sum(np.allclose(piece[0], piece[i], atol=1e-2) for piece in pieces) for i in (1, 2)
        )
        assert of_copy + of_voice >= len(bands) - 8  # but for the edges
        assert of_copy >= 8
        assert of_voice >= 3
