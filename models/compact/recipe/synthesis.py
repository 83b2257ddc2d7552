"""Synthetic clips: jobs for the engines, their processes, and the clips made of the output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from random import Random

from clips import Clip, clip_path, in_turn, read_clips, store, write_clips
from engines.jobs import Job, read_jobs, write_jobs
from sources import ENGINES, SEED, Engine, Label, Voice
from texts import GRAMMARS
from waveform import Waveform, cut_and_join, level, read, within_band

_UTTERANCE_SECONDS = 2.5
"""A low guess of a sentence's length, so that there is enough speech to join."""
_SPEEDS = (0.85, 0.95, 1.0, 1.05, 1.15)
_PROCESSES = 2
_ENGINES_FOLDER = Path(__file__).parent / "engines"


def synthetic_clips(real: list[Clip], work: Path) -> list[Clip]:
    """The clips of every engine; copies are of the real clips of the engine's own split."""
    with ThreadPoolExecutor(_PROCESSES) as pool:
        made = pool.map(lambda engine: engine_clips(engine, real, work), ENGINES)
        return [clip for clips in made for clip in clips]


def engine_clips(engine: Engine, real: list[Clip], work: Path) -> list[Clip]:
    """The clips of one engine, made unless its rows are there."""
    if not _rows(engine, work).exists():
        _write_jobs(engine, real, work)
        run_engine(engine, work)
        made = _store_copies(engine, real, work) if engine.copies else _store_spoken(engine, work)
        write_clips(made, _rows(engine, work))
    return read_clips(_rows(engine, work))


def run_engine(engine: Engine, work: Path) -> None:
    """Run the engine's script over its job list, in its virtual environment, on one core."""
    python = work / "venv" / engine.venv / "bin" / "python" if engine.venv else sys.executable
    (work / "raw" / engine.name).mkdir(parents=True, exist_ok=True)
    command = [python, _ENGINES_FOLDER / engine.worker, _job_list(engine, work), work / "wheels"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    with (work / "raw" / f"{engine.name}.log").open("w") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=environment)


def _rows(engine: Engine, work: Path) -> Path:
    return work / "rows" / f"{engine.name}.csv"


def _job_list(engine: Engine, work: Path) -> Path:
    return work / "raw" / f"{engine.name}.csv"


def _raw(engine: Engine, index: int, work: Path) -> str:
    return str(work / "raw" / engine.name / f"{index:05d}.wav")


def _write_jobs(engine: Engine, real: list[Clip], work: Path) -> None:
    jobs = _copy_jobs(engine, real, work) if engine.copies else _speech_jobs(engine, work)
    (work / "raw").mkdir(exist_ok=True)
    write_jobs(jobs, _job_list(engine, work))


def _speech_jobs(engine: Engine, work: Path) -> Iterator[Job]:
    """Sentences for the engine's voices in turn, at varying speeds."""
    rng = Random(f"{SEED} {engine.name}")
    count = round(engine.minutes * 60 / _UTTERANCE_SECONDS)
    for index, voice in zip(range(count), cycle(engine.voices), strict=False):
        text = GRAMMARS[voice.language].utterance(rng)
        yield Job(text, voice.name, rng.choice(_SPEEDS), _raw(engine, index, work))


def _copy_jobs(engine: Engine, real: list[Clip], work: Path) -> Iterator[Job]:
    for index, clip in enumerate(assign_copies(engine, real)):
        yield Job(str(work / clip.path), "", 1.0, _raw(engine, index, work))


def assign_copies(engine: Engine, real: list[Clip]) -> Iterator[Clip]:
    """Deal the real clips of its split out to a copying engine, up to its minutes.

    Every engine has a deck of its own and takes a clip of each source in turn, so that no source
    stands for a vocoder and many clips are heard through several of them.
    """
    decks: dict[str, list[Clip]] = {}
    for clip in real:
        if clip.split is engine.split:
            decks.setdefault(clip.engine_or_source, []).append(clip)
    rng = Random(f"{SEED} copies {engine.name}")
    for deck in decks.values():
        rng.shuffle(deck)
    seconds = 0.0
    for clip in in_turn(map(iter, decks.values())):
        if seconds >= engine.minutes * 60:
            return
        yield clip
        seconds += clip.seconds


def _store_copies(engine: Engine, real: list[Clip], work: Path) -> Iterator[Clip]:
    for index, source in enumerate(assign_copies(engine, real)):
        path = clip_path(engine.name, index)
        copy = read(Path(_raw(engine, index, work)))
        copy = level(within_band(copy, source.read(work)))
        yield Clip(
            path=path,
            label=Label.SPOOF,
            engine_or_source=engine.name,
            speaker=source.speaker,
            language=source.language,
            licence=engine.licence,
            split=source.split,
            source_clip=source.path,
            seconds=store(copy, work / path),
        )


def _store_spoken(engine: Engine, work: Path) -> Iterator[Clip]:
    """Clips of the engine's utterances, joined per voice, the voices in turn."""
    streams = [_voice_clips(engine, voice, work) for voice in engine.voices]
    seconds = 0.0
    for index, (voice, waveform) in enumerate(in_turn(streams)):
        path = clip_path(engine.name, index)
        clip = Clip(
            path=path,
            label=Label.SPOOF,
            engine_or_source=engine.name,
            speaker=voice.speaker or f"{engine.name}:{voice.name}",
            language=voice.language,
            licence=engine.licence,
            split=engine.split,
            source_clip="",
            seconds=store(waveform, work / path),
        )
        yield clip
        seconds += clip.seconds
        if seconds >= engine.minutes * 60:
            return


def _voice_clips(engine: Engine, voice: Voice, work: Path) -> Iterator[tuple[Voice, Waveform]]:
    rng = Random(f"{SEED} {engine.name} {voice.name}")
    jobs = (job for job in read_jobs(_job_list(engine, work)) if job.voice == voice.name)
    for waveform in cut_and_join((read(Path(job.out)) for job in jobs), rng):
        yield voice, waveform
