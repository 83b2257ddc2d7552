"""Human recordings as the Debian packages hold them: found, attributed to a speaker, decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random

from clips import Clip, clip_path, in_turn, read_clips, store, write_clips
from sources import SEED, Label, RealSource
from waveform import Waveform, cut_and_join, read, read_telephone

_TELEPHONE = (".g722", ".gsm")
_QUEEN_HEADER = struct.Struct(">4s9sH")
_QUEEN_ENTRY = struct.Struct(">12sBII")


@dataclass(frozen=True)
class Recording:
    """One file, or one member of an archive, with a human voice in it."""

    path: Path
    speaker: str
    offset: int = 0
    """First byte of the member."""
    size: int = 0
    """Bytes of the member; 0 means the whole file."""

    def decode(self) -> Waveform:
        """The 16 kHz mono waveform."""
        if self.path.suffix in _TELEPHONE:
            return read_telephone(self.path)
        if self.size == 0:
            return read(self.path)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return read(BytesIO(file.read(self.size)))


def find_recordings(source: RealSource, root: Path) -> list[Recording]:
    """All recordings of a source in its unpacked package, in a stable order.

    Raises:
        FileNotFoundError: The package holds none.
    """
    pattern = re.compile(source.pattern)
    members = list(_members(root))
    found = [
        Recording(path, f"{source.name}:{match['speaker']}", offset, size)
        for name, path, offset, size in members
        if (match := pattern.search(name))
    ]
    if not found:
        raise FileNotFoundError(f"{root}: no file matches {source.pattern!r} of {source.name}")
    return found


def _members(root: Path) -> Iterator[tuple[str, Path, int, int]]:
    """Name, file, offset and size of each regular file and of each archive member under `root`."""
    for path in sorted(root.rglob("*")):
        if path.name == "queen.1c":
            yield from _queen_members(path)
        elif path.is_file() and not path.is_symlink():
            yield str(path.relative_to(root)), path, 0, 0


def _queen_members(path: Path) -> Iterator[tuple[str, Path, int, int]]:
    """The table of Flight of the Amazon Queen: 12-byte name, bundle, offset, size each.

    A line of speech is named by six hexadecimal digits (the first two are the dialogue), then J
    for the hero or P for the person he talks to, then the part of the line; effects are not.
    """
    with path.open("rb") as file:
        *_, count = _QUEEN_HEADER.unpack(file.read(_QUEEN_HEADER.size))
        table = file.read(count * _QUEEN_ENTRY.size)
    for name, _bundle, offset, size in _QUEEN_ENTRY.iter_unpack(table):
        yield name.rstrip(b"\0").decode("ascii", "replace"), path, offset, size


def real_clips(source: RealSource, work: Path) -> list[Clip]:
    """The clips of one real source, its speakers in turn, up to its minutes."""
    rows = work / "rows" / f"{source.name}.csv"
    if not rows.exists():
        rng = Random(f"{SEED} {source.name}")
        recordings = find_recordings(source, work / "debian" / source.package)
        rng.shuffle(recordings)
        write_clips(_store_clips(source, recordings, rng, work), rows)
    return read_clips(rows)


def _store_clips(
    source: RealSource, recordings: list[Recording], rng: Random, work: Path
) -> Iterator[Clip]:
    speakers: dict[str, list[Recording]] = {}
    for recording in recordings:
        speakers.setdefault(recording.speaker, []).append(recording)
    streams = [_speaker_clips(speaker, of, rng) for speaker, of in speakers.items()]
    seconds = 0.0
    for index, (speaker, waveform) in enumerate(in_turn(streams)):
        clip = _store_clip(source, speaker, waveform, index, work)
        yield clip
        seconds += clip.seconds
        if seconds >= source.minutes * 60:
            return


def _speaker_clips(
    speaker: str, recordings: list[Recording], rng: Random
) -> Iterator[tuple[str, Waveform]]:
    for waveform in cut_and_join((recording.decode() for recording in recordings), rng):
        yield speaker, waveform


def _store_clip(
    source: RealSource, speaker: str, waveform: Waveform, index: int, work: Path
) -> Clip:
    path = clip_path(source.name, index)
    return Clip(
        path=path,
        label=Label.BONAFIDE,
        engine_or_source=source.name,
        speaker=speaker,
        language=source.language,
        licence=source.licence,
        split=source.split,
        source_clip="",
        seconds=store(waveform, work / path),
    )
