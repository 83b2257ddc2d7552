"""Plots as SVG that takes its colours from the style around it: axes, lines, texts."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

# Pixels around a plot's area, for labels.
LEFT, RIGHT, TOP, BOTTOM = 66, 30, 14, 50


@dataclass(frozen=True)
class Axis:
    """Values to pixels along one side of a plot."""

    label: str
    marks: Sequence[tuple[float, str]]
    """Values and their texts."""
    place: Callable[[float], float]
    """A value to its distance from the origin, 0 to 1."""


def round_marks(low: float, high: float) -> list[float]:
    """Four to ten round values between two ends."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(step * i, 12) for i in range(first, last + 1)]


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


def area(x: float, y: float, width: float, height: float, style: str, title: str = "") -> str:
    """A filled rectangle; `title` is shown to who points at it."""
    said = f"<title>{escape(title)}</title>" if title else ""
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{style}" {box}>{said}</rect>'


def polygon(points: Iterable[tuple[float, float]], style: str) -> str:
    """A closed, filled outline through points in pixels."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon class="{style}" points="{path}"/>'


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
