"""Training batches: crops through random channels, and what the teacher heard in the clean crop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from augment import CLEAN_SHARE, Channel, draw_channel, fit
from crops import CROP_SAMPLES, Crops
from encoder import frame_count
from sources import REAL_SOURCES, SEED
from vocoding import blend, made_copy
from waveform import SAMPLE_RATE, Waveform

SECONDS = (1.2, 2.4, 2.4)
"""One of them for a whole batch: a verdict must not hang on the length of a clip."""
BATCH_SECONDS = 46.0
_PAIR_SHARE = 0.65
"""Of a batch: copies, each with its original. The rest are other recordings and other engines,
which have no pair and so only the teacher to learn from."""
_MADE_SHARE = 0.35
"""Of pairs: copies that are made here, of any recording."""
_BLENDED_SHARE = 0.4
"""Of copies: those in a part of the spectrum only, once they are all there."""
_WHOLE_UNTIL, _BLENDED_FROM = 400, 700
"""Steps: copies are whole at first, and blended as often as they will be from then on."""
_UNTURNED_UNTIL, _TURNED_FROM = 400, 700
"""Steps: no channel turns phases at first, which are what labels teach first and fast."""
_CLEAN_UNTIL, _MIXED_FROM = 200, 500
"""Steps: all channels are clean at first, and as mixed as they will be from then on."""
VOCODER_WEIGHTS = {
    "hifigan": 4.0,
    "melgan": 4.0,
    "short-vocoder": 4.0,
    "autoencoder": 4.0,
    "world": 3.0,
    "griffin-lim": 2.0,
}
"""How often a vocoder is drawn for a copy that is not made here. Only copies have a label: a copy
has the voice, the words and the room of its original, while an engine of one voice teaches it."""

Frames = NDArray[np.float32]
Heard = tuple[Waveform, Frames, np.bool_]


@dataclass(frozen=True)
class Crop:
    """One crop before its channel."""

    waveform: Waveform
    frames: NDArray[np.float16]
    """(frames, size): the teacher's answer, if it is `taught`."""
    taught: bool


@dataclass(frozen=True)
class Batch:
    """The original and the copy of each pair, then what has no pair."""

    waveforms: Tensor
    """(batch, samples), float32."""
    heard: Tensor
    """(batch, frames, size), float32: the teacher's answers, standardised."""
    taught: Tensor
    """(batch,), bool: whether there is an answer; the teacher has not heard what is made here."""
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
        sources = {source.name for source in REAL_SOURCES}
        for index, (origin, copied) in enumerate(zip(crops.origins, crops.copies, strict=True)):
            if copied:
                self._copies[str(origin)].append(index)
            elif origin:
                self._others.setdefault(str(origin), []).append(index)
        self._real = {name: rows for name, rows in self._others.items() if name in sources}

    def __getitem__(self, step: int) -> Batch:
        """Draw the crops of one step."""
        rng = Random(f"{SEED} step {step}")
        clean_share = 1 - _risen(step, _CLEAN_UNTIL, _MIXED_FROM) * (1 - CLEAN_SHARE)
        turned_share = _risen(step, _UNTURNED_UNTIL, _TURNED_FROM)
        blended_share = _risen(step, _WHOLE_UNTIL, _BLENDED_FROM) * _BLENDED_SHARE
        samples = int(rng.choice(SECONDS) * SAMPLE_RATE)
        total = round(BATCH_SECONDS * SAMPLE_RATE / samples)
        pairs = round(_PAIR_SHARE * total / 2)
        heard: list[Heard] = []
        for _ in range(pairs):
            channel, position = draw_channel(rng, clean_share, turned_share), rng.random()
            for crop in self._draw_pair(rng, blended_share):
                heard.append(self._hear(crop, channel, position, samples))
        for _ in range(total - 2 * pairs):
            channel = draw_channel(rng, clean_share, turned_share)
            crop = self._crop(_draw(self._others, rng))
            heard.append(self._hear(crop, channel, rng.random(), samples))
        stacked = (torch.from_numpy(np.stack(part)) for part in zip(*heard, strict=True))
        waveforms, frames, taught = stacked
        return Batch(waveforms, frames, taught, pairs)

    def _draw_pair(self, rng: Random, blended_share: float) -> tuple[Crop, Crop]:
        """An original and a copy of it, a vocoder's or one made here."""
        made, blended = rng.random() < _MADE_SHARE, rng.random() < blended_share
        if made:
            original = self._crop(_draw(self._real, rng))
            waveform = made_copy(original.waveform, rng.getrandbits(32))
            copy = replace(original, waveform=waveform, taught=False)
        else:
            (vocoder,) = rng.choices(list(VOCODER_WEIGHTS), list(VOCODER_WEIGHTS.values()))
            index = rng.choice(self._copies[vocoder])
            copy, original = self._crop(index), self._crop(index + 1)
        if blended:
            mixed = blend(copy.waveform, original.waveform, rng.getrandbits(32))
            copy = replace(copy, waveform=mixed, taught=False)
        return original, copy

    def standardise(self, frames: NDArray[np.floating]) -> Frames:
        """The teacher's answers (..., size) at zero mean and unit variance over training frames."""
        return np.asarray((frames - self._mean) / self._deviation, np.float32)

    def pooled_deviation(self) -> Frames:
        """That of the mean over a crop's standardised frames, (size,)."""
        pooled = self._crops.frames.mean(axis=1, dtype=np.float32)
        return np.asarray(pooled.std(axis=0) / self._deviation)

    def _crop(self, index: int) -> Crop:
        waveform = self._crops.samples[index] / np.float32(2**15)
        return Crop(waveform, self._crops.frames[index], taught=True)

    def _hear(self, crop: Crop, channel: Channel, position: float, samples: int) -> Heard:
        """A part of a crop through the channel, and what the teacher heard in that part."""
        waveform = channel.apply(crop.waveform)
        start = int(position * max(0, len(waveform) - samples))
        span = (
            start * channel.speed / CROP_SAMPLES,
            (start + samples) * channel.speed / CROP_SAMPLES,
        )
        frames = interpolate(crop.frames, span, frame_count(samples))
        part = fit(waveform[start : start + samples], samples)
        return part, self.standardise(frames), np.bool_(crop.taught)


def _risen(step: int, begin: int, end: int) -> float:
    """0 up to a step, 1 from another one on, and linear between them."""
    return min(1.0, max(0.0, (step - begin) / (end - begin)))


def _draw(crops: dict[str, list[int]], rng: Random) -> int:
    """A crop of one of the origins, each as likely as the others."""
    return rng.choice(crops[rng.choice(list(crops))])


def interpolate(frames: NDArray[np.float16], span: tuple[float, float], count: int) -> Frames:
    """`count` frames (count, size) at equal distances within a part of (frames, size), linearly;
    the part is given by where it begins and ends, from 0 to 1."""
    begin, end = span
    middles = begin + (end - begin) * (np.arange(count) + 0.5) / count
    places = np.clip(middles * len(frames) - 0.5, 0, len(frames) - 1)
    lower = np.minimum(places.astype(int), len(frames) - 2)
    share = (places - lower)[:, np.newaxis]
    return np.asarray(frames[lower] * (1 - share) + frames[lower + 1] * share, np.float32)
