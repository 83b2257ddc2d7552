"""What a studio or a telephone does to a recording, before training hears it."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from augment import (
    Filter,
    compress,
    cut_slowly,
    denoise,
    draw_all_pass,
    draw_channel,
    draw_low_cut,
    gate,
)
from tests.conftest import Waveform

RATE = 16_000


@pytest.fixture(scope="module")
def words() -> Waveform:
    """A tone for half a second, noise 40 dB below it for another, in turn."""
    times = np.arange(4 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 300 * times) * (times % 1 < 0.5)
    noise = np.random.default_rng(0).normal(0, 0.3 / np.sqrt(2) / 100, len(times))
    return np.asarray(tone + noise, np.float32)


def level_db(waveform: Waveform, begin: float, end: float) -> float:
    """Of a part, given in seconds, relative to full scale."""
    part = waveform[int(begin * RATE) : int(end * RATE)]
    return float(10 * np.log10(np.square(part).mean() + 1e-12))


def test_denoising_takes_the_noise_and_leaves_the_tone(words: Waveform) -> None:
    clean = denoise(words, 1.0)
    assert clean.shape == words.shape
    assert level_db(clean, 1.1, 1.4) == pytest.approx(level_db(words, 1.1, 1.4), abs=0.5)
    assert level_db(clean, 1.7, 1.9) < level_db(words, 1.7, 1.9) - 6


def test_a_gate_silences_what_is_far_below_the_speech(words: Waveform) -> None:
    closed, opened = words * gate(words, 30), words * gate(words, 45)
    assert not closed[int(1.7 * RATE) : int(1.9 * RATE)].any()
    assert np.array_equal(closed[int(1.1 * RATE) : int(1.4 * RATE)], words[17_600:22_400])
    assert opened == pytest.approx(words, abs=1e-6)


def test_a_compressor_lessens_the_distance_of_loud_and_quiet(words: Waveform) -> None:
    ranges = [
        level_db(x, 1.1, 1.4) - level_db(x, 1.7, 1.9) for x in (words, words * compress(words, 2.0))
    ]
    # 40 dB are 20 at a ratio of 2; the floor holds the gain from 30.5 dB below on
    assert ranges[0] == pytest.approx(40, abs=0.5)
    assert ranges[1] == pytest.approx(40 - 30.5 / 2, abs=0.7)


@pytest.mark.parametrize("draw", [draw_low_cut, draw_all_pass])
def test_a_filter_leaves_the_voice_at_its_level(
    draw: Callable[[Random], Filter], words: Waveform
) -> None:
    for seed in range(20):
        heard = draw(Random(seed)).apply(words)
        assert heard.shape == words.shape
        assert level_db(heard, 1.1, 1.4) == pytest.approx(level_db(words, 1.1, 1.4), abs=1.5)


def test_a_low_cut_takes_what_lies_below() -> None:
    rumble = np.sin(2 * np.pi * 10 * np.arange(4 * RATE) / RATE).astype(np.float32)
    for seed in range(20):
        filter_ = draw_low_cut(Random(seed))
        order = 1 if filter_.response is cut_slowly else 2
        loss = 10 * order * np.log10((10 / filter_.corner_hz) ** 2)
        assert level_db(filter_.apply(rumble), 1, 3) - level_db(rumble, 1, 3) == pytest.approx(
            loss, abs=1.0
        )


def test_an_all_pass_changes_no_magnitude(words: Waveform) -> None:
    for seed in range(20):
        filter_ = draw_all_pass(Random(seed))
        frequencies = np.geomspace(10, 8_000, 50)
        response = filter_.response(1j * frequencies / filter_.corner_hz)
        assert np.abs(response) == pytest.approx(np.ones(50))
        assert not np.allclose(filter_.apply(words), words, atol=0.01)


def test_a_channel_is_the_same_for_both_of_a_pair(words: Waveform) -> None:
    for seed in range(20):
        channel = draw_channel(Random(seed))
        first, second = channel.apply(words), channel.apply(words)
        assert np.array_equal(first, second)
        assert len(first) == pytest.approx(len(words) / channel.speed, abs=2)
        assert np.isfinite(first).all()


def test_a_share_of_channels_is_clean() -> None:
    altering = [
        "cutoff_hz",
        "codec",
        "decay_seconds",
        "response_db",
        "denoising",
        "gate_db",
        "compression",
    ]
    channels = [draw_channel(Random(seed), clean_share=0.5) for seed in range(1000)]
    clean = [all(getattr(channel, name) is None for name in altering) for channel in channels]
    assert 0.45 < np.mean(clean) < 0.57
