"""Clips made by arithmetic alone, for parity checks: no licence, the same on every machine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEED = 20_261_123
PROBE_SECONDS = (0.1, 0.5, 1.0, 4.0, 10.0)
GOLDEN_SECONDS = (1.0, 4.0)
QUALITY_CLIPS = 100
CALIBRATION_CLIPS = 24
CALIBRATION_SECONDS = 2.0


@dataclass(frozen=True)
class Probe:
    """A named test signal: float32 (samples,) within [-1, 1]."""

    name: str
    waveform: npt.NDArray[np.float32]


def voice(
    seconds: float, sample_rate: int, height: float = 140.0, noise_level: float = 0.01
) -> npt.NDArray[np.float32]:
    """Something that moves as speech does: a gliding harmonic tone in syllables, over noise.

    `height` is its mean pitch in Hz.
    """
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    pitch = height + 40 * np.sin(2 * np.pi * 0.7 * time)  # Hz
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    syllables = 0.5 - 0.5 * np.cos(2 * np.pi * 3 * time + 0.5)  # three a second
    noise = np.random.default_rng(SEED).standard_normal(time.size)
    return (0.2 * syllables * tone + noise_level * noise).astype(np.float32)


def parity_probes(sample_rate: int, min_samples: int) -> list[Probe]:
    """Clips from the shortest possible to 10 s, and the levels that upset float arithmetic."""
    clip = voice(1.0, sample_rate)
    return [
        Probe("shortest", voice(1.0, sample_rate)[:min_samples]),
        *(Probe(f"voice {seconds} s", voice(seconds, sample_rate)) for seconds in PROBE_SECONDS),
        Probe("quiet, -60 dB", (0.001 * clip).astype(np.float32)),
        Probe("clipped", np.clip(20 * clip, -1, 1)),
        Probe("offset", clip * 0.5 + np.float32(0.5)),
    ]


def golden_probes(sample_rate: int) -> list[Probe]:
    """The clips that travel with a package where the caller gives none."""
    return [Probe(f"voice_{seconds:g}s", voice(seconds, sample_rate)) for seconds in GOLDEN_SECONDS]


def quality_probes(sample_rate: int) -> list[Probe]:
    """Voices of all heights and in all noise, on which a lower precision is judged."""
    rng = np.random.default_rng(SEED)
    return [
        Probe(f"voice {i}", any_voice(rng, rng.uniform(1, 3), sample_rate))
        for i in range(QUALITY_CLIPS)
    ]


def calibration_voices(sample_rate: int) -> npt.NDArray[np.float32]:
    """Others such, (clips, samples), for whose sake weights are rounded as they are."""
    rng = np.random.default_rng(SEED + 1)
    clips = range(CALIBRATION_CLIPS)
    return np.stack([any_voice(rng, CALIBRATION_SECONDS, sample_rate) for _ in clips])


def any_voice(
    rng: np.random.Generator, seconds: float, sample_rate: int
) -> npt.NDArray[np.float32]:
    """A voice of any height in any noise."""
    return voice(seconds, sample_rate, rng.uniform(80, 300), 10 ** rng.uniform(-4, -1))


def max_seconds(probes: Sequence[Probe], sample_rate: int) -> float:
    """Duration of the longest clip."""
    return max(len(probe.waveform) for probe in probes) / sample_rate
