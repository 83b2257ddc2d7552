"""The plots of an evaluation as SVG that takes its colours from the page around it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import NormalDist

import numpy as np

from edge_detect.rates import DetCurve, Mask, Scores

# Pixels: of the plots' areas, and what surrounds them for labels.
SIDE = 420
WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 18, 14, 50

# Both axes of a DET plot are normal deviates (Martin et al., 1997); its marks, and its ends.
DET_MARKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
DET_LIMITS = (0.003, 0.97)

SERIES_COLOURS = 8
BINS = 40


@dataclass(frozen=True, eq=False)
class Series:
    """One curve of a DET plot."""

    name: str
    curve: DetCurve


@dataclass(frozen=True)
class Axis:
    """Values to pixels along one side of a plot."""

    label: str
    marks: Sequence[tuple[float, str]]
    """Values and their texts."""
    place: Callable[[float], float]
    """A value to its distance from the origin, 0 to 1."""


def det_plot(series: Sequence[Series], operating_point: tuple[float, float], caption: str) -> str:
    """Misses over false positives of each series; `operating_point` is (false positives, misses).

    A dot on each curve is its equal error rate. What lies beyond the plot is drawn on its edge.
    """
    marks = [(mark, f"{100 * mark:g} %") for mark in DET_MARKS]
    x = Axis("real speech accused", marks, det_place)
    y = Axis("synthetic speech passed", marks, det_place)
    parts = [frame(x, y, SIDE, SIDE)]
    parts.append(line([(0, SIDE), (SIDE, 0)], "equal"))
    for i, one in enumerate(series):
        colour = f"series-{i % SERIES_COLOURS + 1}"
        shares = zip(one.curve.false_positives.tolist(), one.curve.misses.tolist(), strict=True)
        points = ((SIDE * det_place(fpr), SIDE * (1 - det_place(miss))) for fpr, miss in shares)
        parts.append(line(thinned(points), f"curve {colour}" + (" first" if i == 0 else "")))
        rate = det_place(float(one.curve.equal_error_rates()[0]))
        parts.append(dot(SIDE * rate, SIDE * (1 - rate), colour))
    fpr, miss = operating_point
    parts.append(cross(SIDE * det_place(fpr), SIDE * (1 - det_place(miss))))
    return svg(parts, SIDE, SIDE, caption)


def det_place(share: float) -> float:
    """Where a share, 0 to 1, lies on an axis of normal deviates."""
    low, high = (NormalDist().inv_cdf(limit) for limit in DET_LIMITS)
    within = min(max(share, DET_LIMITS[0]), DET_LIMITS[1])
    return (NormalDist().inv_cdf(within) - low) / (high - low)


def histogram(bonafide: Mask, scores: Scores, threshold: float, caption: str) -> str:
    """How the scores of either class lie, each bin as a share of its class."""
    ends = np.append(scores, threshold)
    edges = np.linspace(ends.min(), max(ends.max(), ends.min() + 1e-6), BINS + 1)
    shares = [np.histogram(scores[c], edges)[0] / c.sum() for c in (bonafide, ~bonafide)]
    highest = max(float(share.max()) for share in shares)
    low, high = float(edges[0]), float(edges[-1])
    x = Axis(
        "score: natural log-odds of bona fide",
        [(value, f"{value:g}") for value in round_marks(low, high)],
        lambda value: (value - low) / (high - low),
    )
    y = Axis(
        "share of the class",
        [(value, f"{100 * value:.3g} %") for value in round_marks(0, highest)],
        lambda value: value / highest,
    )
    parts = [frame(x, y, WIDTH, HEIGHT)]
    for name, share in zip(("real", "synthetic"), shares, strict=True):
        parts.append(bars(share / highest, name))
    at = WIDTH * x.place(threshold)
    parts.append(line([(at, 0), (at, HEIGHT)], "threshold"))
    return svg(parts, WIDTH, HEIGHT, caption)


def round_marks(low: float, high: float) -> list[float]:
    """Four to ten round values between two ends."""
    rough = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [round(float(step * i), 12) for i in range(first, last + 1)]


def frame(x: Axis, y: Axis, width: int, height: int) -> str:
    """Grid, marks and labels of both axes."""
    parts = []
    for value, text in x.marks:
        at = width * x.place(value)
        parts.append(line([(at, 0), (at, height)], "grid"))
        parts.append(label(at, height + 18, text, "middle"))
    for value, text in y.marks:
        at = height * (1 - y.place(value))
        parts.append(line([(0, at), (width, at)], "grid"))
        parts.append(label(-8, at + 4, text, "end"))
    parts.append(label(width / 2, height + 40, x.label, "middle", "name"))
    turned = f' transform="translate({14 - LEFT} {height / 2}) rotate(-90)"'
    parts.append(f'<text class="name" text-anchor="middle"{turned}>{escape(y.label)}</text>')
    return "".join(parts)


def thinned(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points without those that round to the one before: a tenth of a pixel is enough."""
    kept: list[tuple[float, float]] = []
    for x, y in points:
        point = (round(x, 1), round(y, 1))
        if not kept or kept[-1] != point:
            kept.append(point)
    return kept


def line(points: Iterable[tuple[float, float]], style: str) -> str:
    """A line through points in pixels."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{style}" points="{path}"/>'


def bars(heights: Scores, style: str) -> str:
    """The outline of a histogram's bars, heights 0 to 1, filled."""
    step = WIDTH / len(heights)
    corners = [(0.0, float(HEIGHT))]
    for i, height in enumerate(heights.tolist()):
        top = HEIGHT * (1 - height)
        corners += [(i * step, top), ((i + 1) * step, top)]
    corners.append((float(WIDTH), float(HEIGHT)))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon class="bars {style}" points="{path}"/>'


def dot(x: float, y: float, style: str) -> str:
    """A filled dot."""
    return f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def cross(x: float, y: float) -> str:
    """The mark of the shipped threshold."""
    return f'<path class="cross" d="M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12"/>'


def label(x: float, y: float, text: str, anchor: str, style: str = "mark") -> str:
    """A text beside the plot."""
    return (
        f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def svg(parts: Iterable[str], width: int, height: int, caption: str) -> str:
    """A picture of its parts; `caption` is for those who can't see it."""
    box = f"{-LEFT} {-TOP} {LEFT + width + RIGHT} {TOP + height + BOTTOM}"
    return f'<svg viewBox="{box}" role="img" aria-label="{escape(caption)}">{"".join(parts)}</svg>'
