"""A path, a URL, a buffer or an array becomes one mono waveform at the model's sample rate.

The result equals `librosa.load(path, sr=rate, mono=True)`: decode, average the channels, resample
with soxr HQ.
"""

import io
import math
import os
import stat
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from edge_detect.decoded import Decoded, Track, Waveform, average, check_rate, energy, gather
from edge_detect.decoding import decode
from edge_detect.detection import BYTES_NAME
from edge_detect.errors import (
    ChannelsCancel,
    EmptyFile,
    FileNotFound,
    FileUnreadable,
    NoSamples,
    NoSpeech,
    NotAFile,
    NotFinite,
    OtherTracks,
    TooShort,
    TruncatedAudio,
    UnsupportedAudio,
)
from edge_detect.fetching import DEFAULT_FETCHING, Fetching, is_url


@dataclass(frozen=True)
class OpenFile:
    """A source whose content is at hand, and that is watched while it is decoded."""

    name: str
    """How it is called in the answer."""
    file: BinaryIO
    """Seekable, at its start."""
    watch: Callable[[Decoded], None]
    """Is shown every piece."""


Source: TypeAlias = str | os.PathLike[str] | bytes | tuple[npt.NDArray[Any], int] | OpenFile

MAX_CHANNELS = 1024  # libsndfile's own limit

# Digital silence and dither (16 bit: about -93 dBFS) lie below, the quietest usable speech above.
SILENCE_DBFS = -70.0
SILENCE_FRAME_SECONDS = 0.025

# Of the energy that the mean of unrelated channels has: no room and no microphones take 20 dB.
CANCELLED_SHARE = 0.01


def load_audio(source: Source, sample_rate: int, fetching: Fetching = DEFAULT_FETCHING) -> Waveform:
    """Decode, average the channels and resample: float32 (samples,) at `sample_rate` Hz.

    `source` is a path, an http or https address (text only: a `Path` is always a file), the bytes
    of a file, or `(waveform, its sample rate in Hz)` with the waveform shaped (samples,) or
    (samples, channels), as soundfile gives it; integer samples are scaled to [-1, 1). `fetching`
    limits what an address may give.

    Warns:
        TruncatedAudio: the file is damaged or cut off; what could be read is returned.
        OtherTracks: the file has several audio tracks; FFmpeg's choice among them is returned.

    Raises:
        AudioError: the subclass says what is wrong with the source.
    """
    return resample(gather(decoded_pieces(source, fetching)), sample_rate)


def decoded_pieces(
    source: Source, fetching: Fetching = DEFAULT_FETCHING
) -> Generator[Decoded, None, None]:
    """The source in pieces of mono samples at its own rate; the file is open until the last.

    Warns and raises what `load_audio` does, each when it is met.
    """
    name = source_name(source)
    frames = missing = sample_rate = 0
    complete = True
    mean_energy = unrelated_energy = 0.0
    track: Track | None = None
    for piece in raw_pieces(source, name, fetching):
        if not np.isfinite(piece.samples).all():
            raise NotFinite(f"{name!r} has NaN or infinite samples; export it again as integer PCM")
        frames += len(piece.samples)
        missing += piece.missing
        sample_rate = piece.sample_rate
        complete = complete and piece.complete
        track = track or piece.track
        if piece.unrelated_energy:
            mean_energy += energy(piece.samples)
            unrelated_energy += piece.unrelated_energy
        yield piece
    if not frames:
        raise NoSamples(f"{name!r} holds no audio samples; record or export it again")
    if mean_energy < CANCELLED_SHARE * unrelated_energy:
        raise ChannelsCancel(
            f"{name!r} has channels that cancel out where they are averaged, as an inverted one "
            "does; give one channel alone"
        )
    if not complete:
        warn(truncation(frames / sample_rate, missing / sample_rate, name), TruncatedAudio)
    if track:
        warn(other_tracks(track, name), OtherTracks)


def raw_pieces(source: Source, name: str, fetching: Fetching) -> Iterator[Decoded]:
    """What the decoders give of a source, whatever it is."""
    if isinstance(source, tuple):
        yield from_array(*source)
        return
    if isinstance(source, OpenFile):
        for piece in decode(source.file, source.name):
            source.watch(piece)
            yield piece
        return
    with open_source(source, fetching) as file:
        yield from decode(file, name)


def warn(text: str, category: type[Warning]) -> None:
    """Warn of a source.

    `warnings.warn` would keep the text of every warning for good, in a service that means of every
    damaged upload; with no registry nothing is kept.
    """
    warnings.warn_explicit(text, category, filename=__name__, lineno=1, registry=None)


def truncation(seconds: float, missing: float, name: str) -> str:
    """What was read of a damaged source, and how much is missing where that is known, in words."""
    text = (
        f"{name!r} is damaged or cut off; the answer rests on the {seconds:.2f} s that "
        "could be read"
    )
    return f"{text}, {missing:.2f} s are missing" if missing else text


def other_tracks(track: Track, name: str) -> str:
    """Which of a source's audio tracks was read, in words."""
    return (
        f"{name!r} has {track.count} audio tracks; the answer rests on number {track.number} "
        "alone, so give the others as files of their own"
    )


def check_waveform(waveform: Waveform, sample_rate: int, min_samples: int, name: str) -> None:
    """Refuse what no encoder can judge.

    Raises:
        TooShort: fewer than `min_samples` samples at `sample_rate` Hz.
        NoSpeech: no 25 ms of the clip is louder than -70 dBFS.
    """
    check_length(waveform, sample_rate, min_samples, name)
    if loudest_frame_dbfs(waveform, sample_rate) < SILENCE_DBFS:
        raise NoSpeech(
            f"{name!r} is silent: nothing in it is louder than {SILENCE_DBFS:.0f} dBFS; "
            "give a clip with speech"
        )


def check_length(waveform: Waveform, sample_rate: int, min_samples: int, name: str) -> None:
    """Refuse what is shorter than the encoder's receptive field.

    Raises:
        TooShort: fewer than `min_samples` samples at `sample_rate` Hz.
    """
    if len(waveform) < min_samples:
        raise TooShort(
            f"{name!r} has {len(waveform)} samples at {sample_rate} Hz, below the encoder's "
            f"{min_samples} ({min_samples / sample_rate:.3f} s); give a longer clip"
        )


def check_speech(sounding: float, wanted: float, name: str) -> None:
    """Refuse a recording with less than the wanted seconds of sound.

    Raises:
        NoSpeech: names both.
    """
    if sounding < wanted:
        raise NoSpeech(
            f"{name!r} has {sounding:.1f} s louder than {SILENCE_DBFS:.0f} dBFS, less than the "
            f"{wanted:g} s asked for; give a longer recording or ask for less"
        )


def source_name(source: Source) -> str:
    """How a source is called in results and messages."""
    if isinstance(source, bytes):
        return BYTES_NAME
    if isinstance(source, tuple):
        return "<waveform>"
    if isinstance(source, OpenFile):
        return source.name
    return os.fspath(source)


@contextmanager
def open_source(source: str | os.PathLike[str] | bytes, fetching: Fetching) -> Iterator[BinaryIO]:
    """A seekable binary file over a path, the content of an address, or a buffer.

    The decoders get the open file rather than its name: a name's ending is no evidence of its
    content, and FFmpeg would take some names for addresses.
    """
    if isinstance(source, bytes):
        if not source:
            raise EmptyFile("the buffer has zero bytes; give the bytes of an audio file")
        yield io.BytesIO(source)
        return
    if is_url(source):
        from edge_detect.remote import open_url  # TLS: 25 ms that files don't need

        with open_url(source, fetching) as file:
            yield file
        return
    path = Path(source)
    check_regular_file(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise unopenable(path, error) from error
    with file:
        try:
            yield file
        except OSError as error:
            raise FileUnreadable(
                f"can't read {str(path)!r}: {error.strerror}; check the disk, or copy the file"
            ) from error


def check_regular_file(path: Path) -> None:
    """Raise the error that says why `path` is no file with content."""
    name = str(path)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFound(f"no file {name!r}; check the path") from error
    except (OSError, ValueError) as error:
        raise unopenable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise NotAFile(f"{name!r} is a folder; give the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise NotAFile(f"{name!r} is no regular file; save its content to a file first")
    if not status.st_size:
        raise EmptyFile(f"{name!r} has zero bytes; record or download it again")


def unopenable(path: Path, error: OSError | ValueError) -> FileUnreadable:
    """The error that says why; a name with a null byte is a ValueError."""
    reason = error.strerror if isinstance(error, OSError) else error
    return FileUnreadable(f"can't open {str(path)!r}: {reason}; check the path and its rights")


def from_array(waveform: npt.NDArray[Any], sample_rate: int) -> Decoded:
    """Check an array from the caller: (samples,) or (samples, channels), floats or signed PCM."""
    samples = np.asarray(waveform)
    check_rate(sample_rate)
    if samples.ndim not in (1, 2) or samples.shape[1:] > (MAX_CHANNELS,):
        raise UnsupportedAudio(
            f"the waveform has shape {samples.shape}; give (samples,) or (samples, channels)"
        )
    if np.issubdtype(samples.dtype, np.signedinteger):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    elif not np.issubdtype(samples.dtype, np.floating):
        raise UnsupportedAudio(
            f"the waveform has dtype {samples.dtype}; give floats in [-1, 1] or signed integers"
        )
    return average([samples.astype(np.float32)], sample_rate)


def resample(decoded: Decoded, sample_rate: int) -> Waveform:
    """Resample to `sample_rate` Hz with soxr HQ, to librosa's length: the ceiling of the ratio."""
    if decoded.sample_rate == sample_rate:
        return decoded.samples
    length = math.ceil(len(decoded.samples) * sample_rate / decoded.sample_rate)
    waveform: Waveform = soxr.resample(
        decoded.samples, decoded.sample_rate, sample_rate, quality="HQ"
    )
    return np.pad(waveform[:length], (0, max(0, length - len(waveform))))


def loudest_frame_dbfs(waveform: Waveform, sample_rate: int) -> float:
    """Root mean square of the loudest 25 ms, in dB below full scale, with the offset removed."""
    loudest = float(frame_powers(waveform, sample_rate).max())
    return 10 * math.log10(loudest) if loudest else -math.inf


def sounding_seconds(waveform: Waveform, sample_rate: int) -> float:
    """How much of a waveform, in frames of 25 ms, is louder than -70 dBFS, offset removed."""
    powers = frame_powers(waveform, sample_rate)
    loud = np.count_nonzero(powers > 10 ** (SILENCE_DBFS / 10))
    return float(loud) * SILENCE_FRAME_SECONDS


def frame_powers(waveform: Waveform, sample_rate: int) -> npt.NDArray[np.float64]:
    """Mean square of each whole 25 ms, offset removed: float64 (frames,); of a shorter waveform,
    of all of it."""
    frame = max(1, min(len(waveform), round(SILENCE_FRAME_SECONDS * sample_rate)))
    exact = waveform.astype(np.float64)  # float32 squares of wild floats would overflow
    centred = exact - exact.mean() if len(exact) else exact
    frames = centred[: len(centred) // frame * frame].reshape(-1, frame)
    powers: npt.NDArray[np.float64] = np.square(frames).mean(axis=1)
    return powers
