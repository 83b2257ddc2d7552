"""What is cut out of a clip before the encoder, for models that say so."""

from pathlib import Path

import numpy as np
import pytest

from edge_detect import Detector, Windowing
from edge_detect.silence import cut_silence
from tests.conftest import Waveform

RATE = 16_000
LEAST = 400
MARGIN = RATE // 20
FRAME = RATE // 40


def tone(seconds: float, level: float = 0.3) -> Waveform:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 220 * moments)).astype(np.float32)


def hiss(seconds: float, level: float) -> Waveform:
    rng = np.random.default_rng(0)
    return (level * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def joined(*parts: Waveform) -> Waveform:
    return np.concatenate(parts)


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3])
def test_both_ends_are_cut_but_for_a_margin(level: float) -> None:
    clip = joined(hiss(2, level), tone(1), hiss(5, level))
    kept = cut_silence(clip, RATE, LEAST)
    np.testing.assert_array_equal(kept, clip[2 * RATE - MARGIN : 3 * RATE + MARGIN])


def test_a_pause_within_speech_stays_and_a_longer_one_is_cut() -> None:
    short = joined(tone(1), hiss(0.25, 1e-4), tone(1))
    np.testing.assert_array_equal(cut_silence(short, RATE, LEAST), short)
    long = joined(tone(1), hiss(3, 1e-4), tone(1))
    kept = cut_silence(long, RATE, LEAST)
    assert len(kept) == pytest.approx(2 * RATE + 2 * MARGIN, abs=2 * FRAME)
    np.testing.assert_array_equal(kept[:RATE], long[:RATE])
    np.testing.assert_array_equal(kept[-RATE:], long[-RATE:])


def test_speech_in_noise_is_left_alone() -> None:
    clip = joined(hiss(1, 0.01), tone(1) + hiss(1, 0.01), hiss(1, 0.01))
    np.testing.assert_array_equal(cut_silence(clip, RATE, LEAST), clip)


def test_a_click_is_no_measure_of_what_is_silent() -> None:
    clip = joined(hiss(0.025, 0.9), tone(3, level=0.003))
    np.testing.assert_array_equal(cut_silence(clip, RATE, LEAST), clip)


@pytest.mark.parametrize("samples", [10, 400, RATE])
def test_what_would_leave_nothing_is_left_alone(samples: int) -> None:
    for clip in (np.zeros(samples, np.float32), hiss(1, 0.1)[:samples]):
        np.testing.assert_array_equal(cut_silence(clip, RATE, LEAST), clip)
    burst = joined(np.zeros(RATE, np.float32), tone(0.03), np.zeros(RATE, np.float32))
    np.testing.assert_array_equal(cut_silence(burst, RATE, RATE), burst)


def test_a_model_that_says_so_judges_speech_alone(
    cutting: Path, tiny: Path, speech: Waveform
) -> None:
    amid = joined(np.zeros(2 * RATE, np.float32), speech, np.zeros(3 * RATE, np.float32))
    model, other = (Detector.load(folder, device="cpu", threads=1) for folder in (cutting, tiny))
    alone = cut_silence(amid, RATE, model.manifest.min_samples)
    assert len(alone) <= len(speech) + 2 * MARGIN
    detection = model.predict((amid, RATE))
    assert detection.probabilities == pytest.approx(other.predict((alone, RATE)).probabilities)
    assert detection.duration_s == len(amid) / RATE
    kept = other.predict((amid, RATE)).probabilities
    assert kept != pytest.approx(detection.probabilities, abs=1e-4)
    # The embedding is that of all that is given, whatever is judged.
    np.testing.assert_array_equal(model.embed((amid, RATE)), other.embed((amid, RATE)))


def test_windows_are_cut_as_well(cutting: Path, tiny: Path, speech: Waveform) -> None:
    windowing = Windowing(mode="windows")
    amid = joined(np.zeros(2 * RATE, np.float32), speech[: 6 * RATE])
    model, other = (
        Detector.load(folder, device="cpu", threads=1, windowing=windowing)
        for folder in (cutting, tiny)
    )
    first, of_other = (d.predict((amid, RATE)).windows[0] for d in (model, other))
    window = cut_silence(amid[: 4 * RATE], RATE, model.manifest.min_samples)
    alone = Detector.load(tiny, device="cpu", threads=1).predict((window, RATE))
    assert first.spoof_probability == pytest.approx(alone.spoof_probability)
    assert first.spoof_probability != pytest.approx(of_other.spoof_probability, abs=1e-4)
