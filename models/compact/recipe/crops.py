"""What the encoder learns from: crops of clips, and what the teacher hears in each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from augment import fit
from clips import Clip
from edge_detect.processor import usable_cpus
from edge_detect.whole_file import whole_or_nothing
from sources import SEED, Label, Split
from teacher import Teacher, load_teacher
from waveform import SAMPLE_RATE, Waveform, read

CROP_SECONDS = 3
CROP_SAMPLES = CROP_SECONDS * SAMPLE_RATE
_COPY_CROPS = {"hifigan": 2, "melgan": 2, "short-vocoder": 2, "autoencoder": 2}
"""Of each copy, with its original; one of those of other vocoders, and of each real clip."""
_SPOKEN_CROPS = 250
"""Of each engine that speaks by itself, at most."""
_CHECK_CROPS = 60
"""Of each engine and source of the validation rows."""
_CHUNK = 32
"""Places to a file: what a killed run loses at most."""
_BATCH = 4


@dataclass(frozen=True)
class Place:
    """Where a crop is cut: in a clip, and at the same place in its original if it is a copy."""

    clip: Clip
    position: float
    """Relative, from 0 to 1."""

    def cut(self, work: Path) -> list[Waveform]:
        """The crop, and behind it that of the original, float32 (samples,)."""
        paths = filter(None, [self.clip.path, self.clip.source_clip])
        return [self._crop(read(work / path)) for path in paths]

    def _crop(self, waveform: Waveform) -> Waveform:
        start = int(self.position * max(0, len(waveform) - CROP_SAMPLES))
        return fit(waveform[start : start + CROP_SAMPLES], CROP_SAMPLES)


@dataclass(frozen=True)
class Crops:
    """Crops with the teacher's answers."""

    samples: NDArray[np.int16]
    """(crops, samples)"""
    frames: NDArray[np.float16]
    """(crops, frames, size): its last hidden layer."""
    origins: NDArray[np.str_]
    """(crops,): engine or source; of the original of a copy, empty."""
    copies: NDArray[np.bool_]
    """(crops,): whether the next one is its original."""


def hear_crops(clips: list[Clip], work: Path, split: Split) -> Crops:
    """Cut the crops of a split and ask the teacher, unless that is done; `work` keeps them."""
    by_origin: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.split is split:
            by_origin.setdefault(clip.engine_or_source, []).append(clip)
    chunks: dict[Path, list[Place]] = {}
    for origin, rows in by_origin.items():
        folder = work / "crops" / origin
        folder.mkdir(parents=True, exist_ok=True)
        places = choose_places(rows)
        for start in range(0, len(places), _CHUNK):
            chunks[folder / f"{start:05d}.npz"] = places[start : start + _CHUNK]
    torch.set_num_threads(1)  # chunks are heard side by side
    hear = partial(_hear_chunk, teacher=load_teacher(work / "wheels"), work=work)
    with ThreadPoolExecutor(usable_cpus()) as pool:
        parts = list(pool.map(hear, chunks, chunks.values()))
    return Crops(
        samples=np.concatenate([part.samples for part in parts]),
        frames=np.concatenate([part.frames for part in parts]),
        origins=np.concatenate([part.origins for part in parts]),
        copies=np.concatenate([part.copies for part in parts]),
    )


def choose_places(rows: list[Clip]) -> list[Place]:
    """The places in clips of one engine or source, in random order."""
    origin, first = rows[0].engine_or_source, rows[0]
    rng = Random(f"{SEED} crops {origin}")
    if first.split is not Split.TRAIN:
        chosen = rng.sample(rows, _CHECK_CROPS)
    elif first.source_clip or first.label is Label.BONAFIDE:
        chosen = rows * _COPY_CROPS.get(origin, 1)
    else:
        chosen = rng.sample(rows, min(len(rows), _SPOKEN_CROPS))
    return [Place(clip, rng.random()) for clip in chosen]


def _hear_chunk(path: Path, places: list[Place], *, teacher: Teacher, work: Path) -> Crops:
    if not path.exists():
        with whole_or_nothing(path) as part, part.open("wb") as file:
            np.savez(file, **vars(_hear(places, teacher, work)))
    with np.load(path) as stored:
        return Crops(**stored)


def _hear(places: list[Place], teacher: Teacher, work: Path) -> Crops:
    origins, copies, cut = [], [], []
    for place in places:
        crops = place.cut(work)
        cut += crops
        origins += [place.clip.engine_or_source, ""][: len(crops)]
        copies += [len(crops) > 1, False][: len(crops)]
    waveforms = np.stack(cut)
    frames = [teacher(part).half() for part in torch.split(torch.from_numpy(waveforms), _BATCH)]
    return Crops(
        samples=np.asarray(waveforms * (2**15 - 1), np.int16),
        frames=torch.cat(frames).numpy(),
        origins=np.array(origins),
        copies=np.array(copies),
    )
