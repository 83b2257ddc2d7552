"""The outline of a waveform of any length, in constant memory."""

from dataclasses import dataclass

import numpy as np

from edge_detect.decoded import Waveform

COLUMNS = 2048  # even, so that a full outline folds to half of them


@dataclass(frozen=True, eq=False)
class Outline:
    """The lowest and highest sample of each equal span of a waveform; the last may be shorter."""

    low: Waveform
    """float32 (columns,)"""
    high: Waveform
    """float32 (columns,)"""
    column_share: float
    """Of the waveform's length, that a whole column has."""


class Envelope:
    """Gathers an outline of at most `COLUMNS` columns while a waveform passes.

    A column is one sample wide at first; when all are full, neighbours are joined.
    """

    def __init__(self) -> None:
        self._low: Waveform = np.full(COLUMNS, np.inf, np.float32)
        self._high: Waveform = np.full(COLUMNS, -np.inf, np.float32)
        self._width = 1
        self._samples = 0

    def add(self, samples: Waveform) -> None:
        """Take the next samples, float32 (samples,)."""
        while len(samples):
            room = COLUMNS * self._width - self._samples
            if not room:
                self._fold()
                continue
            self._place(samples[:room])
            samples = samples[room:]

    def outline(self) -> Outline:
        """What has passed so far."""
        used = -(-self._samples // self._width)
        share = self._width / self._samples if self._samples else 1.0
        return Outline(self._low[:used].copy(), self._high[:used].copy(), share)

    def _place(self, samples: Waveform) -> None:
        """Samples that fit into the columns: the first of them may go on with a begun one."""
        first = self._samples // self._width
        last = (self._samples + len(samples) - 1) // self._width
        starts = np.maximum(np.arange(first, last + 1) * self._width - self._samples, 0)
        taken = slice(first, last + 1)
        low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
        self._low[taken] = np.minimum(self._low[taken], low)
        self._high[taken] = np.maximum(self._high[taken], high)
        self._samples += len(samples)

    def _fold(self) -> None:
        """Join neighbours: half of the columns, each twice as wide, and as many free ones."""
        half = COLUMNS // 2
        self._low[:half] = np.minimum(self._low[0::2], self._low[1::2])
        self._high[:half] = np.maximum(self._high[0::2], self._high[1::2])
        self._low[half:], self._high[half:] = np.inf, -np.inf
        self._width *= 2
