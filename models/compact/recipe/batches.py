"""Training batches: pairs of a real and a synthetic crop under one and the same channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from augment import CLEAN_SHARE, FASTEST, Channel, draw_channel, draw_speed, fit
from clips import Clip
from sources import SEED, Label, Split
from waveform import SAMPLE_RATE, Waveform

CROP_SECONDS = (1.0, 1.5, 3.0)
"""One of them for a whole batch: a verdict must not hang on the length of a clip."""
BATCH_SECONDS = 48.0
"""Of both classes together: short crops come in greater number."""
_EASY_STEPS = 300
"""The channels are all clean at first, and as mixed as they will be from here on."""
_MARGIN = FASTEST + 0.02
"""Cut that much more than the crop: a faster speaking rate shortens it."""
_ENGINE_WEIGHTS = {
    "hifigan": 6.0,
    "melgan": 6.0,
    "world": 4.0,
    "griffin-lim": 2.0,
    "piper": 2.0,
    "espeak-ng": 2.0,
    "flite": 1.5,
    "festival": 0.5,
}
"""How often an engine is drawn. Copies come three times in four: a copy has the voice and the words
of its original, while an engine of one voice teaches little but that voice."""


@dataclass(frozen=True)
class Batch:
    """Half real, half synthetic: the real crop of each pair, then its synthetic counterpart."""

    waveforms: Tensor
    """(2 * pairs, samples), float32."""
    spoof: Tensor
    """(2 * pairs,), float32; 1 is synthetic."""


class Batches(Dataset[Batch]):
    """The batch of step `i` at index `i`: a pure function of the seed, so training can resume."""

    def __init__(self, clips: list[Clip], work: Path) -> None:
        """Read all training clips into memory (16-bit, about 115 MB an hour)."""
        train = [clip for clip in clips if clip.split is Split.TRAIN]
        self._samples = {clip.path: _to_pcm(clip.read(work)) for clip in train}
        self._spoof = _by_origin(train, Label.SPOOF)
        self._real = _by_origin(train, Label.BONAFIDE)
        self._weights = [_ENGINE_WEIGHTS[engine] for engine in self._spoof]

    def __getitem__(self, step: int) -> Batch:
        """Draw the pairs of one step."""
        rng = Random(f"{SEED} step {step}")
        clean_share = max(CLEAN_SHARE, 1 - step / _EASY_STEPS)
        seconds = rng.choice(CROP_SECONDS)
        count = round(BATCH_SECONDS / seconds / 2)
        pairs = [self._pair(rng, clean_share, seconds) for _ in range(count)]
        waveforms = np.stack([crop for pair in pairs for crop in pair])
        return Batch(torch.from_numpy(waveforms), torch.tensor([0.0, 1.0] * count))

    def _pair(self, rng: Random, clean_share: float, seconds: float) -> tuple[Waveform, Waveform]:
        """A real and a synthetic crop; of a copy, the very words it was copied from."""
        (engine,) = rng.choices(list(self._spoof), self._weights)
        spoof = rng.choice(self._spoof[engine])
        channel, position = draw_channel(rng, clean_share), rng.random()
        cut = partial(self._crop, channel=channel, seconds=seconds)
        if spoof.source_clip:
            return cut(spoof.source_clip, position), cut(spoof.path, position)
        real = rng.choice(self._real[rng.choice(list(self._real))]).path
        other = replace(channel, speed=draw_speed(rng))
        return self._crop(real, rng.random(), other, seconds), cut(spoof.path, position)

    def _crop(self, path: str, position: float, channel: Channel, seconds: float) -> Waveform:
        """A crop at a relative position, through the channel, float32 (samples,)."""
        count = int(seconds * SAMPLE_RATE)
        samples = self._samples[path]
        start = int(position * max(0, len(samples) - int(count * _MARGIN)))
        cut = samples[start : start + int(count * _MARGIN)]
        return fit(channel.apply(np.asarray(cut / 2**15, np.float32)), count)


def _to_pcm(waveform: Waveform) -> NDArray[np.int16]:
    return np.asarray(waveform * (2**15 - 1), np.int16)


def _by_origin(clips: list[Clip], label: Label) -> dict[str, list[Clip]]:
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.label is label:
            groups.setdefault(clip.engine_or_source, []).append(clip)
    return groups
