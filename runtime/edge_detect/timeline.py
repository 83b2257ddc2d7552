"""A recording's windows, merged to segments and drawn as a bar."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import fmean

from edge_detect.detection import NO_SPEECH, Detection, Segment, Window

MARKS = {"bonafide": "·", "spoof": "█", "inconclusive": "▒", NO_SPEECH: " "}
"""Of a state on a terminal; any other, a model's own label, has its first letter."""


def merge(windows: Sequence[Window]) -> tuple[Segment, ...]:
    """Segments from the start of the first window to the end of the last."""
    segments: list[Segment] = []
    borders = borders_of(windows)
    for state, run in groupby(range(len(windows)), lambda index: windows[index].state):
        members = list(run)
        scores = [
            score for member in members if (score := windows[member].spoof_probability) is not None
        ]
        start, end = borders[members[0]], borders[members[-1] + 1]
        segments.append(Segment(start, end, state, fmean(scores) if scores else None))
    return tuple(segments)


def borders_of(windows: Sequence[Window]) -> list[float]:
    """Where each window's time begins, in seconds, and where the last one's ends: halfway through
    what two share."""
    return [
        windows[0].start_s,
        *((left.end_s + right.start_s) / 2 for left, right in pairwise(windows)),
        windows[-1].end_s,
    ]


def segments_of(detection: Detection) -> tuple[Segment, ...]:
    """Its segments; a recording that was judged whole is one."""
    return detection.segments or (
        Segment(
            0.0,
            detection.duration_s,
            detection.verdict or detection.label,
            detection.spoof_probability,
        ),
    )


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


def timeline_of(detection: Detection, width: int) -> list[str]:
    """Lines of a terminal: the source, a bar of `width` marks, and the segments.

    A recording that was judged whole is one segment.
    """
    segments = segments_of(detection)
    return [
        detection.source,
        draw_bar(segments, width),
        *(f"  {clock(s.start_s)}-{clock(s.end_s)}  {s.state}{percent(s)}" for s in segments),
    ]


def percent(segment: Segment) -> str:
    """A segment's spoof probability as a bracket, where it has one."""
    score = segment.spoof_probability
    return "" if score is None else f" ({score:.1%} synthetic)"


def clock(seconds: float) -> str:
    """Hours (if any), minutes and seconds."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
