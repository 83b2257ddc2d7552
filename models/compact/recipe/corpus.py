"""The corpus: real and synthetic clips together, checked against leaks between the splits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clips import Clip, read_clips, write_clips
from recordings import real_clips
from sources import REAL_SOURCES, Split
from synthesis import synthetic_clips


class SplitError(ValueError):
    """A source, an engine, a speaker or a copy crosses the splits."""


def build_corpus(work: Path) -> list[Clip]:
    """All clips of all sources and engines, made where missing.

    Raises:
        SplitError: Something crosses the splits.
    """
    manifest = work / "manifest.csv"
    if not manifest.exists():
        real = [clip for source in REAL_SOURCES for clip in real_clips(source, work)]
        clips = real + synthetic_clips(real, work)
        check_splits(clips)
        write_clips(clips, manifest)
    return read_clips(manifest)


def check_splits(clips: list[Clip]) -> None:
    """Make sure that nothing which a model could recognise is on both sides of a split.

    Raises:
        SplitError: Names what crosses, and between which splits.
    """
    _check_one_split("engine or source", clips, lambda clip: clip.engine_or_source)
    _check_one_split("speaker", clips, lambda clip: clip.speaker)
    _check_one_split("source clip and its copy", clips, lambda clip: clip.source_clip or clip.path)


def _check_one_split(what: str, clips: list[Clip], key: Callable[[Clip], str]) -> None:
    splits: dict[str, set[Split]] = {}
    for clip in clips:
        splits.setdefault(key(clip), set()).add(clip.split)
    for name, found in splits.items():
        if len(found) > 1:
            raise SplitError(f"{what} {name!r} is in several splits: {sorted(found)}")
