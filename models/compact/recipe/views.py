"""The corpus as training hears it: at full band, over the telephone band, or augmented."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from augment import TELEPHONE_HZ, draw_channel
from clips import Clip
from edge_detect.conditions import low_pass
from edge_detect.processor import usable_cpus
from sources import SEED
from waveform import SAMPLE_RATE, Waveform

Features = NDArray[np.float32]

_SILENCE_TIMES = (0.25, 3.0)
"""How long silence around a clip is, relative to the clip."""
_SILENCE_DB = (-80.0, -55.0)
"""Of its noise, below the clip's peak."""


class View(StrEnum):
    """One condition under which every clip of a set is heard."""

    FULL = "full band"
    TELEPHONE = "3.4 kHz low-pass"
    AUGMENTED = "augmented"


def hear(clip: Clip, work: Path, view: View) -> Waveform:
    """The clip under a view; a copy and its original get the same random channel."""
    waveform = clip.read(work)
    if view is View.TELEPHONE:
        return low_pass(TELEPHONE_HZ, waveform, SAMPLE_RATE)
    if view is View.AUGMENTED:
        rng = Random(f"{SEED} view {clip.source_clip or clip.path}")
        return draw_channel(rng).apply(waveform)
    return waveform


@dataclass(frozen=True)
class Pause:
    """Silence before and behind a clip, drawn by the clip's name."""

    times: float
    """How long it is, relative to the clip."""
    before: float
    """The share of it that is before the clip."""
    noise_db: float
    """Of its noise below the clip's peak; half of the time it is digital, -inf."""
    seed: int
    """Of the noise."""

    def around(self, waveform: Waveform) -> Waveform:
        """The clip amid it."""
        samples = round(len(waveform) * self.times)
        start = round(samples * self.before)
        level = np.abs(waveform).max() * 10 ** (self.noise_db / 20)
        noise = np.random.default_rng(self.seed).standard_normal(len(waveform) + samples)
        whole: Waveform = (level * noise).astype(np.float32)
        whole[start : start + len(waveform)] += waveform
        return whole


def draw_pause(clip: Clip) -> Pause:
    """That of a clip; a copy and its original get the same."""
    rng = Random(f"{SEED} silence {clip.source_clip or clip.path}")
    noise_db = rng.choice((-math.inf, rng.uniform(*_SILENCE_DB)))
    return Pause(rng.uniform(*_SILENCE_TIMES), rng.random(), noise_db, rng.getrandbits(32))


def features_of(
    clips: list[Clip], work: Path, view: View, extract: Callable[[Waveform], Features]
) -> Features:
    """The features (clips, size) of whole clips under a view, each clip by itself: no padding."""
    return _of_each(clips, lambda clip: extract(hear(clip, work, view)))


def features_of_silence(
    clips: list[Clip], work: Path, alone: Features, extract: Callable[[Waveform], Features]
) -> Features:
    """What silence around each clip adds to its mean features: those (clips, size) of the frames
    that it brings, by those of the clips `alone`."""
    amid = _of_each(clips, lambda clip: extract(draw_pause(clip).around(clip.read(work))))
    times = np.array([[draw_pause(clip).times] for clip in clips], np.float32)
    return np.asarray(((1 + times) * amid - alone) / times, np.float32)


def _of_each(clips: list[Clip], features: Callable[[Clip], Features]) -> Features:
    with ThreadPoolExecutor(usable_cpus()) as pool:
        return np.stack(list(pool.map(features, clips)))
