"""Training batches: crops through random channels, and what the teacher heard in the clean crop."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from augment import CLEAN_SHARE, Channel, draw_channel, fit
from crops import CROP_SAMPLES, Crops
from encoder import frame_count
from sources import SEED
from waveform import SAMPLE_RATE, Waveform

SECONDS = (1.2, 2.4, 2.4)
"""One of them for a whole batch: a verdict must not hang on the length of a clip."""
BATCH_SECONDS = 46.0
_PAIR_SHARE = 0.65
"""Of a batch: copies, each with its original. The rest are other recordings and other engines,
which have no pair and so only the teacher to learn from."""
_CLEAN_UNTIL, _MIXED_FROM = 300, 1000
"""Steps: all channels are clean at first, and as mixed as they will be from then on."""
VOCODER_WEIGHTS = {
    "hifigan": 4.0,
    "melgan": 4.0,
    "autoencoder": 4.0,
    "world": 3.0,
    "griffin-lim": 2.0,
}
"""How often a vocoder is drawn. Only copies have a label: a copy has the voice, the words and the
room of its original, while an engine of one voice teaches that voice."""

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """The original and the copy of each pair, then what has no pair."""

    waveforms: Tensor
    """(batch, samples), float32."""
    heard: Tensor
    """(batch, frames, size), float32: the teacher's answers, standardised."""
    pairs: int


class Batches(Dataset[Batch]):
    """The batch of step `i` at index `i`: a pure function of the seed, so training can resume."""

    def __init__(self, crops: Crops) -> None:
        self._crops = crops
        frames = crops.frames.reshape(-1, crops.frames.shape[-1])
        self._mean = np.asarray(frames.mean(axis=0, dtype=np.float64), np.float32)
        self._deviation = np.asarray(frames.std(axis=0, dtype=np.float64), np.float32)
        self._copies: dict[str, list[int]] = {vocoder: [] for vocoder in VOCODER_WEIGHTS}
        self._others: dict[str, list[int]] = {}
        for index, (origin, copied) in enumerate(zip(crops.origins, crops.copies, strict=True)):
            if copied:
                self._copies[str(origin)].append(index)
            elif origin:
                self._others.setdefault(str(origin), []).append(index)

    def __getitem__(self, step: int) -> Batch:
        """Draw the crops of one step."""
        rng = Random(f"{SEED} step {step}")
        mixed = min(1.0, max(0.0, (step - _CLEAN_UNTIL) / (_MIXED_FROM - _CLEAN_UNTIL)))
        clean_share = 1 - mixed * (1 - CLEAN_SHARE)
        samples = int(rng.choice(SECONDS) * SAMPLE_RATE)
        total = round(BATCH_SECONDS * SAMPLE_RATE / samples)
        pairs = round(_PAIR_SHARE * total / 2)
        heard: list[tuple[Waveform, Frames]] = []
        for copy in (self._draw_copy(rng) for _ in range(pairs)):
            channel, position = draw_channel(rng, clean_share), rng.random()
            heard += [self._hear(i, channel, position, samples) for i in (copy + 1, copy)]
        for index in (self._draw_other(rng) for _ in range(total - 2 * pairs)):
            channel = draw_channel(rng, clean_share)
            heard.append(self._hear(index, channel, rng.random(), samples))
        waveforms, frames = (torch.from_numpy(np.stack(part)) for part in zip(*heard, strict=True))
        return Batch(waveforms, frames, pairs)

    def standardise(self, frames: NDArray[np.floating]) -> Frames:
        """The teacher's answers (..., size) at zero mean and unit variance over training frames."""
        return np.asarray((frames - self._mean) / self._deviation, np.float32)

    def pooled_deviation(self) -> Frames:
        """That of the mean over a crop's standardised frames, (size,)."""
        pooled = self._crops.frames.mean(axis=1, dtype=np.float32)
        return np.asarray(pooled.std(axis=0) / self._deviation)

    def _draw_copy(self, rng: Random) -> int:
        (vocoder,) = rng.choices(list(VOCODER_WEIGHTS), list(VOCODER_WEIGHTS.values()))
        return rng.choice(self._copies[vocoder])

    def _draw_other(self, rng: Random) -> int:
        return rng.choice(self._others[rng.choice(list(self._others))])

    def _hear(
        self, index: int, channel: Channel, position: float, samples: int
    ) -> tuple[Waveform, Frames]:
        """A part of a crop through the channel, and what the teacher heard in that part."""
        waveform = channel.apply(self._crops.samples[index] / np.float32(2**15))
        start = int(position * max(0, len(waveform) - samples))
        span = (
            start * channel.speed / CROP_SAMPLES,
            (start + samples) * channel.speed / CROP_SAMPLES,
        )
        frames = interpolate(self._crops.frames[index], span, frame_count(samples))
        return fit(waveform[start : start + samples], samples), self.standardise(frames)


def interpolate(frames: NDArray[np.float16], span: tuple[float, float], count: int) -> Frames:
    """`count` frames (count, size) at equal distances within a part of (frames, size), linearly;
    the part is given by where it begins and ends, from 0 to 1."""
    begin, end = span
    middles = begin + (end - begin) * (np.arange(count) + 0.5) / count
    places = np.clip(middles * len(frames) - 0.5, 0, len(frames) - 1)
    lower = np.minimum(places.astype(int), len(frames) - 2)
    share = (places - lower)[:, np.newaxis]
    return np.asarray(frames[lower] * (1 - share) + frames[lower + 1] * share, np.float32)
