"""Which recordings are judged in windows, and in which."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Mode: TypeAlias = Literal["whole", "windows"]
"""A recording is judged in one piece, or window by window."""

# Attention over the whole clip holds heads x frames^2 floats more than once, at 50 frames a second:
# the process took 6.4 GB for 2 min with the 12 heads of wav2vec2-base.
MAX_SECONDS = 2 * 60


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


LONG_IN_WINDOWS = Windowing(whole_seconds=MAX_SECONDS)
"""Whole as long as that is possible: the numbers are a training pipeline's up to there."""

# For what compares numbers with those of a training pipeline, which has no windows.
WHOLE = Windowing(mode="whole")
