"""Clips of the corpus: 16 kHz FLAC files and the rows that describe them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePath
from typing import TypeVar

import soundfile

from sources import Label, Split
from waveform import SAMPLE_RATE, Waveform, read

T = TypeVar("T")


@dataclass(frozen=True)
class Clip:
    """One row of the manifest."""

    path: str
    """Relative to the work folder."""
    label: Label
    engine_or_source: str
    speaker: str
    language: str
    licence: str
    split: Split
    source_clip: str
    """Path of the real clip that a copy resynthesises, else empty."""
    seconds: float

    @property
    def recorded_in(self) -> str:
        """The real source that it is, or is a copy, of; empty for an engine that speaks."""
        recording = self.path if self.label is Label.BONAFIDE else self.source_clip
        return PurePath(recording).parent.name

    def read(self, work: Path) -> Waveform:
        """The waveform, float32 (samples,) at 16 kHz."""
        return read(work / self.path)


def clip_path(origin: str, index: int) -> str:
    """Where the `index`-th clip of an engine or source lies in the work folder."""
    return f"clips/{origin}/{index:05d}.flac"


def store(waveform: Waveform, path: Path) -> float:
    """Write a clip as FLAC and return its seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return round(len(waveform) / SAMPLE_RATE, 3)


def write_clips(clips: Iterable[Clip], path: Path) -> None:
    """Write the rows; the file appears only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Clip))
        writer.writerows(astuple(clip) for clip in clips)
    part.replace(path)


def read_clips(path: Path) -> list[Clip]:
    """The rows of a file that `write_clips` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_from_row(row) for row in csv.DictReader(file)]


def _from_row(row: dict[str, str]) -> Clip:
    return Clip(
        path=row["path"],
        label=Label(row["label"]),
        engine_or_source=row["engine_or_source"],
        speaker=row["speaker"],
        language=row["language"],
        licence=row["licence"],
        split=Split(row["split"]),
        source_clip=row["source_clip"],
        seconds=float(row["seconds"]),
    )


def in_turn(streams: Iterable[Iterator[T]]) -> Iterator[T]:
    """One item of each stream, then the next of each, until all are empty."""
    waiting = list(streams)
    while waiting:
        alive = []
        for stream in waiting:
            for item in stream:
                yield item
                alive.append(stream)
                break
        waiting = alive
