"""The plots of an evaluation as SVG that takes its colours from the page around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from edge_detect.rates import DetCurve, Mask, Scores
from edge_detect.svg import Axis, frame, line, polygon, round_marks, svg, thinned

# Pixels: width and height of each plot's area.
SIDE = 420

# Both axes of a DET plot are normal deviates (Martin et al., 1997); its marks, and its ends.
DET_MARKS = (0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
DET_LIMITS = (0.003, 0.97)

SERIES_COLOURS = 8
BINS = 40


@dataclass(frozen=True, eq=False)
class Series:
    """One curve of a DET plot."""

    name: str
    curve: DetCurve


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
    parts = [frame(x, y, SIDE, SIDE)]
    for name, share in zip(("real", "synthetic"), shares, strict=True):
        parts.append(bars(share / highest, name))
    at = SIDE * x.place(threshold)
    parts.append(line([(at, 0), (at, SIDE)], "threshold"))
    return svg(parts, SIDE, SIDE, caption)


def bars(heights: Scores, style: str) -> str:
    """The outline of a histogram's bars, heights 0 to 1, filled."""
    step = SIDE / len(heights)
    corners = [(0.0, float(SIDE))]
    for i, height in enumerate(heights.tolist()):
        top = SIDE * (1 - height)
        corners += [(i * step, top), ((i + 1) * step, top)]
    corners.append((float(SIDE), float(SIDE)))
    return polygon(corners, f"bars {style}")


def dot(x: float, y: float, style: str) -> str:
    """A filled dot."""
    return f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def cross(x: float, y: float) -> str:
    """The mark of the shipped threshold."""
    return f'<path class="cross" d="M{x - 6:.1f} {y:.1f}h12M{x:.1f} {y - 6:.1f}v12"/>'
