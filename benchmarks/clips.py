"""What is listened to: speech of a given length, and labelled clips for quality.

All of it is made from tests/data/fixtures by arithmetic alone, and lies as .npy files in the cache,
so that an environment needs no decoder to read it.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.places import FIXTURES, cache_folder, key_of_files

Waveform: TypeAlias = npt.NDArray[np.float32]

RATE = 16_000  # Hz, of every fixture and of every model here

WINDOW_S = 2.0
HOP_S = 0.5
QUIET_DB = -20.0
NOISE_DB = -20.0
TELEPHONE_HZ = 3400.0
SEED = 4


@dataclass(frozen=True)
class Recording:
    """One of the fixtures."""

    name: str
    label: str
    """Of the model `compact`: bonafide or spoof."""
    waveform: Waveform


@dataclass(frozen=True)
class LabelledClip:
    """A stretch of a recording under one condition, as a file."""

    name: str
    label: str
    condition: str
    path: Path
    """.npy, float32 (samples,)"""


def recordings() -> list[Recording]:
    """Every fixture, decoded."""
    with (FIXTURES / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["path"])
    return [read_recording(row["path"], row["label"]) for row in rows]


def read_recording(path: str, label: str) -> Recording:
    """Decode one fixture; all are mono."""
    waveform, rate = soundfile.read(FIXTURES / path, dtype="float32")
    if rate != RATE:
        raise ValueError(f"{path!r} has {rate} Hz, the benchmarks take {RATE}")
    return Recording(Path(path).stem, {"real": "bonafide", "synthetic": "spoof"}[label], waveform)


def speech(seconds: float) -> Waveform:
    """The fixtures one after another, again from the start where they end: float32 (samples,)."""
    whole = np.concatenate([recording.waveform for recording in recordings()])
    return np.resize(whole, round(seconds * RATE))


def speech_file(seconds: float) -> Path:
    """`speech` as .npy."""
    path = clips_folder() / f"speech-{seconds:g}s.npy"
    if not path.exists():
        save_whole(path, speech(seconds))
    return path


def speech_wav(seconds: float) -> Path:
    """`speech` as 16-bit mono WAV, which the standard library reads too."""
    path = clips_folder() / f"speech-{seconds:g}s.wav"
    if not path.exists():
        part = path.with_suffix(".part")
        soundfile.write(part, speech(seconds), RATE, subtype="PCM_16", format="WAV")
        part.replace(path)
    return path


def labelled_clips() -> list[LabelledClip]:
    """Windows of every fixture under every condition, always the same ones."""
    clips = []
    for name, label, window in windows():
        for condition, change in CONDITIONS.items():
            path = clips_folder() / f"{name}-{condition}.npy"
            if not path.exists():
                save_whole(path, change(window))
            clips.append(LabelledClip(f"{name}-{condition}", label, condition, path))
    return clips


def windows() -> Iterator[tuple[str, str, Waveform]]:
    """Name, label and samples of each stretch of `WINDOW_S`."""
    size, hop = round(WINDOW_S * RATE), round(HOP_S * RATE)
    for recording in recordings():
        for start in range(0, len(recording.waveform) - size + 1, hop):
            stretch = recording.waveform[start : start + size]
            yield f"{recording.name}-{start / RATE:g}s", recording.label, stretch


def quiet(waveform: Waveform) -> Waveform:
    """20 dB less."""
    return waveform * np.float32(10 ** (QUIET_DB / 20))


def noisy(waveform: Waveform) -> Waveform:
    """White noise 20 dB below the clip."""
    noise = np.random.default_rng(SEED).standard_normal(len(waveform)).astype(np.float32)
    level = np.sqrt(np.mean(np.square(waveform))) * 10 ** (NOISE_DB / 20)
    return waveform + noise * np.float32(level)


def telephone(waveform: Waveform) -> Waveform:
    """Nothing above 3.4 kHz."""
    spectrum = np.fft.rfft(waveform)
    spectrum[np.fft.rfftfreq(len(waveform), 1 / RATE) > TELEPHONE_HZ] = 0
    return np.fft.irfft(spectrum, len(waveform)).astype(np.float32)


CONDITIONS: dict[str, Callable[[Waveform], Waveform]] = {
    "clean": lambda waveform: waveform,
    "quiet": quiet,
    "noisy": noisy,
    "telephone": telephone,
}


def clips_folder() -> Path:
    """Where the files lie; another one where the fixtures or this file changed."""
    key = key_of_files([*FIXTURES.rglob("*.opus"), FIXTURES / "manifest.csv", Path(__file__)])
    folder = cache_folder() / f"clips-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def save_whole(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write a .npy that is there whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)
