"""The corpus as training hears it: at full band, over the telephone band, or augmented."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def features_of(
    clips: list[Clip], work: Path, view: View, extract: Callable[[Waveform], Features]
) -> Features:
    """The features (clips, size) of whole clips under a view, each clip by itself: no padding."""
    with ThreadPoolExecutor(usable_cpus()) as pool:
        return np.stack(list(pool.map(lambda clip: extract(hear(clip, work, view)), clips)))
