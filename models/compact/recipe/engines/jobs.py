"""The job list that every engine script reads; standard library only, it runs in any venv."""

from __future__ import annotations

import csv
import sys
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One utterance to synthesise."""

    source: str
    """The text to speak, or the path of the clip to copy."""
    voice: str
    speed: float
    """Speaking rate relative to the voice's own; 1 is natural. Copies ignore it."""
    out: str
    """WAV file to write."""


def write_jobs(jobs: Iterable[Job], path: Path) -> None:
    """Write the list as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(astuple(job) for job in jobs)


def read_jobs(path: Path) -> Iterator[Job]:
    """The jobs of the list in its order."""
    with path.open(newline="", encoding="utf-8") as file:
        for source, voice, speed, out in csv.reader(file):
            yield Job(source, voice, float(speed), out)


def write_wav(path: Path, pcm: bytes, sample_rate: int) -> None:
    """Write mono 16-bit PCM samples."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm)


def run(speak: Callable[[Job, Path], None], jobs: Iterable[Job]) -> None:
    """Call `speak(job, part)` for each missing output; a killed run leaves no half-written file."""
    for job in jobs:
        out = Path(job.out)
        if not out.exists():
            part = out.with_suffix(".part")
            speak(job, part)
            part.replace(out)


def jobs_from_arguments() -> list[Job]:
    """The jobs of the file that the command line names."""
    return list(read_jobs(Path(sys.argv[1])))
