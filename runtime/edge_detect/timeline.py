"""A recording's windows, merged to segments and drawn as a bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import fmean

import numpy as np

from edge_detect.audio import SILENCE_DBFS
from edge_detect.detection import NO_SPEECH, Segment, Window
from edge_detect.errors import NoSpeech
from edge_detect.session import Tensor


@dataclass(frozen=True)
class Judged:
    """A window, and the probabilities that its score comes from."""

    window: Window
    row: Tensor | None
    """float32 (classes,); None without speech."""


MARKS = {"bonafide": "·", "spoof": "█", "inconclusive": "▒", NO_SPEECH: " "}
"""Of a state on a terminal; any other, a model's own label, has its first letter."""


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


def merge(windows: Sequence[Window]) -> tuple[Segment, ...]:
    """Segments from the start of the first window to the end of the last."""
    segments: list[Segment] = []
    borders = [
        windows[0].start_s,
        *((left.end_s + right.start_s) / 2 for left, right in pairwise(windows)),
        windows[-1].end_s,
    ]
    for state, run in groupby(range(len(windows)), lambda index: windows[index].state):
        members = list(run)
        scores = [
            score for member in members if (score := windows[member].spoof_probability) is not None
        ]
        start, end = borders[members[0]], borders[members[-1] + 1]
        segments.append(Segment(start, end, state, fmean(scores) if scores else None))
    return tuple(segments)


def draw_bar(segments: Sequence[Segment], width: int) -> str:
    """`width` marks for the recording from start to end, an equal time each."""
    start, end = segments[0].start_s, segments[-1].end_s
    step = (end - start) / width
    return "".join(
        mark_of(state_between(segments, start + cell * step, start + (cell + 1) * step))
        for cell in range(width)
    )


def mark_of(state: str) -> str:
    """The mark of a state."""
    return MARKS.get(state, state[:1])


def state_between(segments: Sequence[Segment], start: float, end: float) -> str:
    """A spoof that lies between is never hidden; else what fills most of the time."""
    shares: dict[str, float] = {}
    for segment in segments:
        shared = min(end, segment.end_s) - max(start, segment.start_s)
        if shared > 0:
            shares[segment.state] = shares.get(segment.state, 0) + shared
    return "spoof" if "spoof" in shares else max(shares, key=shares.__getitem__)


def clock(seconds: float) -> str:
    """Hours (if any), minutes and seconds."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
