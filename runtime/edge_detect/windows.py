"""A long recording as overlapping windows, drawn from its decoded pieces in constant memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from edge_detect.audio import SILENCE_DBFS, sounding_seconds
from edge_detect.decoded import NO_SAMPLES, Decoded, Waveform, concatenate
from edge_detect.detection import Window
from edge_detect.errors import NoSpeech
from edge_detect.session import Tensor

# So much is resampled at a time: enough that a window is not built of hundreds of small pieces.
CHUNK_SECONDS = 1.0


@dataclass(frozen=True)
class Excerpt:
    """One window of a recording."""

    start: int
    """Samples before it."""
    waveform: Waveform
    """float32 (samples,)"""


class Meter:
    """Counts what passes: samples, and the seconds of sound among them."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self.samples = 0
        self.sounding_seconds = 0.0

    def follow(self, blocks: Iterable[Waveform]) -> Iterator[Waveform]:
        """Yield every block."""
        for block in blocks:
            self.samples += len(block)
            self.sounding_seconds += sounding_seconds(block, self._sample_rate)
            yield block


def take_seconds(pieces: Iterator[Decoded], seconds: float) -> tuple[list[Decoded], bool]:
    """Draw pieces until they are longer than `seconds`: those drawn, and whether they are."""
    drawn: list[Decoded] = []
    total = 0.0
    for piece in pieces:
        drawn.append(piece)
        total += len(piece.samples) / piece.sample_rate
        if total > seconds:
            return drawn, True
    return drawn, False


def resampled(pieces: Iterable[Decoded], sample_rate: int) -> Iterator[Waveform]:
    """The pieces at `sample_rate` Hz, float32 (samples,), about a second each: what
    `audio.resample` gives of them in one, but for the last sample or two."""
    stream: soxr.ResampleStream | None = None
    for source_rate, block, last in chunks(pieces):
        if source_rate == sample_rate:
            yield block
            continue
        if stream is None:
            stream = soxr.ResampleStream(source_rate, sample_rate, 1, quality="HQ")
        yield stream.resample_chunk(block, last=last)


def chunks(pieces: Iterable[Decoded]) -> Iterator[tuple[int, Waveform, bool]]:
    """Pieces joined to about a second: the sample rate, the samples, whether they are the last."""
    waiting: list[Waveform] = []
    frames = sample_rate = 0
    for piece in pieces:
        sample_rate = piece.sample_rate
        if frames >= CHUNK_SECONDS * sample_rate:
            yield sample_rate, concatenate(waiting), False
            waiting, frames = [], 0
        waiting.append(piece.samples)
        frames += len(piece.samples)
    yield sample_rate, concatenate(waiting), True


def excerpts(blocks: Iterable[Waveform], window: int, hop: int) -> Iterator[Excerpt]:
    """Windows of `window` samples, one every `hop`; the last ends where the recording ends.

    A recording shorter than a window is one shorter excerpt. No more than a window and a block is
    in memory.
    """
    buffer, origin = NO_SAMPLES, 0
    start = covered = 0
    for block in blocks:
        buffer = np.concatenate((buffer, block))
        end = origin + len(buffer)
        while start + window <= end:
            covered = start + window
            yield Excerpt(start, buffer[start - origin : covered - origin].copy())
            start += hop
        kept = max(origin, min(start, end - window))
        buffer, origin = buffer[kept - origin :], kept
    end = origin + len(buffer)
    if end > covered:
        last = max(origin, end - window)
        yield Excerpt(last, buffer[last - origin :])


@dataclass(frozen=True)
class Judged:
    """A window, and the probabilities that its score comes from."""

    window: Window
    row: Tensor | None
    """float32 (classes,); None without speech."""


def overall_row(judged: Sequence[Judged], top_k: int | None) -> Tensor:
    """The probabilities of a recording, float32 (classes,): the mean over its windows with speech,
    or over the `top_k` of them with the highest spoof probability.

    Raises:
        NoSpeech: no window has speech.
    """
    ranked = sorted(judged, key=lambda each: -(each.window.spoof_probability or 0))
    rows = [each.row for each in ranked if each.row is not None][:top_k]
    if not rows:
        raise NoSpeech(
            f"the recording is silent: none of its {len(judged)} windows is louder than "
            f"{SILENCE_DBFS:.0f} dBFS; give one with speech"
        )
    mean: Tensor = np.stack(rows).mean(axis=0)
    return mean
