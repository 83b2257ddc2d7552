"""The page's plots: small SVG files, the same bytes for the same figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

SIZE = (7.0, 3.6)  # inches


def plot_latency(
    curves: Mapping[str, Sequence[tuple[float, float]]], label: str, path: Path
) -> None:
    """Real-time factor by length, a line an engine: title to (seconds, RTF) points."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for title, points in curves.items():
        own = title.startswith("edge-detect")
        seconds, factors = zip(*points, strict=True)
        axes.plot(seconds, factors, label=title, marker="o", linewidth=2.2 if own else 1)
    axes.set(xscale="log", yscale="log", xlabel="clip, seconds", ylabel=label)
    ticks = sorted({seconds for points in curves.values() for seconds, _ in points})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", fontsize="small", frameon=False)
    save(figure, path)


def plot_trade(points: Mapping[tuple[str, int], tuple[float, float]], path: Path) -> None:
    """Speed against quality: (title, threads) to (seconds of a 4 s clip, 1 - least cosine)."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for (title, threads), (seconds, distance) in points.items():
        own = title.startswith("edge-detect")
        axes.plot(seconds * 1000, distance, "s" if own else "o", color="C0" if own else "C1")
        axes.annotate(
            f"{title}, {threads}",
            (seconds * 1000, distance),
            fontsize="x-small",
            xytext=(4, 4),
            textcoords="offset points",
        )
    axes.set(yscale="log", xlabel="ms for 4 s of audio", ylabel="1 - cosine to torch, at worst")
    axes.margins(x=0.25)
    axes.grid(alpha=0.3)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write SVG without a date or random identifiers."""
    with mpl.rc_context({"svg.hashsalt": "edge-detect", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
