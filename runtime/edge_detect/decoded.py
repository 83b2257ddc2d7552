"""What decoders give: pieces of mono samples at the file's own rate, and the limits they keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge_detect.errors import TooLong, UnsupportedAudio
from edge_detect.windowing import MAX_SECONDS

Waveform: TypeAlias = npt.NDArray[np.float32]

NO_SAMPLES: Waveform = np.empty(0, np.float32)

MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000


@dataclass(frozen=True)
class Encoding:
    """How a file holds its sound, in the words of the decoder that reads it."""

    decoder: str
    """"libsndfile" or "FFmpeg"."""
    container: str
    codec: str
    sample_rate: int
    """Hz, of the file itself."""
    channels: int


@dataclass(frozen=True)
class Track:
    """One of the audio tracks of a file."""

    number: int
    """From 1 on, in the file's order."""
    count: int
    """Of all of them."""


@dataclass(frozen=True)
class Decoded:
    """What a decoder gave: `samples` float32 (samples,), mono, at `sample_rate` Hz."""

    samples: Waveform
    sample_rate: int
    complete: bool
    """False where the file is damaged or ends before its declared length."""
    missing: int = 0
    """Samples that the file declares and does not give, where that is known."""
    encoding: Encoding | None = None
    """Of the file; None of an array, and of a piece without samples."""
    unrelated_energy: float = 0.0
    """The sum of squares that the samples would have if the channels that were averaged had nothing
    to do with each other; 0 of a single channel."""
    track: Track | None = None
    """The one that was decoded, where the file has several."""


def average(
    blocks: Sequence[Waveform], sample_rate: int, encoding: Encoding | None = None
) -> Decoded:
    """A whole piece of blocks, each (samples, channels) or (samples,), their channels averaged."""
    return Decoded(
        concatenate([to_mono(block) for block in blocks]),
        sample_rate,
        complete=True,
        encoding=encoding,
        unrelated_energy=sum(map(unrelated_energy, blocks)),
    )


def gather(pieces: Iterable[Decoded]) -> Decoded:
    """All pieces in one, as long as one pass of the encoder can hold it.

    Raises:
        TooLong: they are longer.
    """
    blocks: list[Waveform] = []
    frames = sample_rate = 0
    complete = True
    for piece in pieces:
        blocks.append(piece.samples)
        frames += len(piece.samples)
        sample_rate = piece.sample_rate
        complete = complete and piece.complete
        check_duration(frames, sample_rate)
    return Decoded(concatenate(blocks), sample_rate, complete)


def nothing_more(sample_rate: int, missing: int = 0) -> Decoded:
    """The piece that says that more should have come: so many samples, where that is known."""
    return Decoded(NO_SAMPLES, sample_rate, complete=False, missing=missing)


def checked_rate(sample_rate: int) -> int:
    """The sample rate, in Hz, unless `check_rate` refuses it."""
    check_rate(sample_rate)
    return sample_rate


def check_rate(sample_rate: int) -> None:
    """Refuse sample rates (Hz) that no recording has: a crafted header could ask for terabytes."""
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise UnsupportedAudio(
            f"the sample rate is {sample_rate} Hz; "
            f"give audio between {MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz"
        )


def check_duration(frames: int, sample_rate: int) -> None:
    """Refuse more than one pass of the encoder can hold, before the memory is taken."""
    if frames > MAX_SECONDS * sample_rate:
        raise TooLong(
            f"the audio is longer than {MAX_SECONDS} s, too long to be judged whole; "
            "judge it in windows or cut it"
        )


def to_mono(samples: Waveform) -> Waveform:
    """Average the channels: (samples, channels) or (samples,) to (samples,)."""
    if samples.ndim == 1 or samples.shape[1] == 1 or not samples.size:
        return samples.reshape(-1)
    mono: Waveform = samples.mean(axis=1)
    return mono


def unrelated_energy(samples: Waveform) -> float:
    """`Decoded.unrelated_energy` of (samples, channels) or (samples,)."""
    channels = samples.shape[1] if samples.ndim == 2 else 1
    return energy(samples) / channels**2 if channels > 1 else 0.0


def energy(samples: Waveform) -> float:
    """The sum of squares."""
    return float(np.linalg.norm(samples)) ** 2


def concatenate(blocks: list[Waveform]) -> Waveform:
    """Join mono blocks; none give an empty waveform."""
    return np.concatenate(blocks) if blocks else NO_SAMPLES
