"""A long recording as overlapping windows, drawn from its decoded pieces in constant memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import soxr

from edge_detect.audio import sounding_seconds
from edge_detect.decoding import MAX_SECONDS, NO_SAMPLES, Decoded, Waveform, concatenate

Mode: TypeAlias = Literal["whole", "windows"]
"""A recording is judged in one piece, or window by window."""

# So much is resampled at a time: enough that a window is not built of hundreds of small pieces.
CHUNK_SECONDS = 1.0


@dataclass(frozen=True)
class Windowing:
    """When a recording is judged in windows, and in which."""

    mode: Mode | None = None
    """None: whole up to `whole_seconds`, in windows beyond."""
    whole_seconds: float = 30.0
    window_seconds: float = 4.0
    hop_seconds: float = 2.0
    """From the start of a window to that of the next; at most `window_seconds`."""
    top_k: int | None = None
    """The file is judged by so many windows with the highest spoof probability; None: by all."""
    min_speech_seconds: float = 0.0
    """A recording with less sound above the silence limit has no verdict."""

    def __post_init__(self) -> None:
        """Refuse windows that would leave gaps or never end.

        Raises:
            ValueError: names the value.
        """
        if not 0 < self.hop_seconds <= self.window_seconds:
            raise ValueError(
                f"the hop is {self.hop_seconds:g} s; give more than 0 and at most the window, "
                f"{self.window_seconds:g} s"
            )
        if self.whole_seconds > MAX_SECONDS:
            raise ValueError(
                f"the longest recording to be judged whole is {self.whole_seconds:g} s; give at "
                f"most {MAX_SECONDS} s"
            )
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top-k is {self.top_k}; give at least 1")

    @property
    def longest_whole(self) -> float:
        """Seconds beyond which a recording is not judged whole."""
        return {"windows": 0.0, "whole": float(MAX_SECONDS), None: self.whole_seconds}[self.mode]

    def in_samples(self, sample_rate: int) -> tuple[int, int]:
        """Window and hop at a sample rate in Hz, at least a sample each."""
        window, hop = self.window_seconds * sample_rate, self.hop_seconds * sample_rate
        return max(1, round(window)), max(1, round(hop))


DEFAULT_WINDOWING = Windowing()


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
