"""Training batches: pairs of a real crop and its resynthesised copy, through the same channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from augment import CLEAN_SHARE, FASTEST, Channel, draw_channel, fit
from clips import Clip
from sources import SEED, Split
from waveform import SAMPLE_RATE, Waveform

CROP_SECONDS = (1.0, 2.0, 3.0)
"""One of them for a whole batch: a verdict must not hang on the length of a clip."""
BATCH_SECONDS = 48.0
"""Of both classes together: short crops come in greater number."""
_CLEAN_UNTIL, _MIXED_FROM = 1000, 2500
"""Steps: all channels are clean at first, which is when vocoders' traces are learned, and as mixed
as they will be at the end."""
_MARGIN = FASTEST + 0.02
"""Cut that much more than the crop: a faster speaking rate shortens it."""
_VOCODER_WEIGHTS = {"hifigan": 5.0, "melgan": 5.0, "world": 4.0, "griffin-lim": 2.0}
"""How often a vocoder is drawn. Only copies train the encoder: a copy has the voice, the words and
the room of its original, while an engine of one voice teaches that voice."""


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
        """Read the training copies and their originals into memory (16-bit, 115 MB an hour)."""
        self._copies: dict[str, list[Clip]] = {vocoder: [] for vocoder in _VOCODER_WEIGHTS}
        paths: set[str] = set()
        for clip in clips:
            if clip.split is Split.TRAIN and clip.source_clip:
                self._copies[clip.engine_or_source].append(clip)
                paths |= {clip.path, clip.source_clip}
        self._samples = {
            clip.path: _to_pcm(clip.read(work)) for clip in clips if clip.path in paths
        }

    def __getitem__(self, step: int) -> Batch:
        """Draw the pairs of one step."""
        rng = Random(f"{SEED} step {step}")
        mixed = min(1.0, max(0.0, (step - _CLEAN_UNTIL) / (_MIXED_FROM - _CLEAN_UNTIL)))
        clean_share = 1 - mixed * (1 - CLEAN_SHARE)
        seconds = rng.choice(CROP_SECONDS)
        count = round(BATCH_SECONDS / seconds / 2)
        pairs = [self._pair(rng, clean_share, seconds) for _ in range(count)]
        waveforms = np.stack([crop for pair in pairs for crop in pair])
        return Batch(torch.from_numpy(waveforms), torch.tensor([0.0, 1.0] * count))

    def _pair(self, rng: Random, clean_share: float, seconds: float) -> tuple[Waveform, Waveform]:
        """The same words of an original and of its copy."""
        (vocoder,) = rng.choices(list(_VOCODER_WEIGHTS), list(_VOCODER_WEIGHTS.values()))
        copy = rng.choice(self._copies[vocoder])
        channel, position = draw_channel(rng, clean_share), rng.random()
        cut = partial(self._crop, position=position, channel=channel, seconds=seconds)
        return cut(copy.source_clip), cut(copy.path)

    def _crop(self, path: str, position: float, channel: Channel, seconds: float) -> Waveform:
        """A crop at a relative position, through the channel, float32 (samples,)."""
        count = int(seconds * SAMPLE_RATE)
        samples = self._samples[path]
        start = int(position * max(0, len(samples) - int(count * _MARGIN)))
        cut = samples[start : start + int(count * _MARGIN)]
        return fit(channel.apply(np.asarray(cut / 2**15, np.float32)), count)


def _to_pcm(waveform: Waveform) -> NDArray[np.int16]:
    return np.asarray(waveform * (2**15 - 1), np.int16)
