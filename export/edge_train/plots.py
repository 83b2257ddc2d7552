"""The report's plots as SVG that takes its colours from the page around it."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.stats import norm  # type: ignore[import-untyped]
from sklearn.decomposition import PCA
from sklearn.metrics import det_curve, roc_curve

from edge_detect.rates import equal_error_rate
from edge_train.metrics import Names, Scores, most_probable

SIZE_INCHES = (4.6, 4.2)
WIDE_INCHES = (9.4, 5.0)

# Stand-ins that no plot has by chance; the page's own colours take their place.
INK, MUTED, GRID, SURFACE = "#010203", "#020304", "#030405", "#040506"
SERIES = tuple(f"#0a0b{i:02x}" for i in range(8))
COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    SURFACE: "var(--surface)",
} | {colour: f"var(--series-{i})" for i, colour in enumerate(SERIES, 1)}
MARKERS = "osD^vPX*"

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: the page's font, and readable to a screen reader
    "text.parse_math": False,  # a label may hold dollar signs
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "font.size": 10,
    "lines.linewidth": 2,
}

# Axes of a DET plot are normal deviates (Martin et al., 1997); these are its usual marks.
DET_MARKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)
DET_LIMITS = (0.005, 0.7)


@dataclass(frozen=True)
class Projection:
    """Test embeddings in the plane of the training embeddings' two widest directions."""

    points: Scores
    """(clips, 2)"""
    explained: float
    """Share of the training embeddings' variance that the plane holds, 0 to 1."""


@dataclass(frozen=True)
class JudgedClips:
    """What the chosen head said of the test clips."""

    labels: tuple[str, ...]
    truth: Names
    """(clips,)"""
    probabilities: Scores
    """(clips, labels)"""
    projection: Projection


def project(train: Scores, test: Scores) -> Projection:
    """PCA fitted on the scaled training embeddings (clips, hidden), applied to the test's."""
    pca = PCA(2, svd_solver="full").fit(train)
    return Projection(pca.transform(test), float(pca.explained_variance_ratio_.sum()))


def targets(labels: tuple[str, ...], bonafide: Sequence[str]) -> tuple[str, ...]:
    """The labels to find: all of them; of two, the one that is not bona fide, or the second."""
    if len(labels) != 2:
        return labels
    return (labels[0],) if labels[1] in bonafide and labels[0] not in bonafide else (labels[1],)


def roc_plot(clips: JudgedClips, bonafide: Sequence[str]) -> str:
    """Share of a label's clips that are found, by the share of others that are taken for it."""
    with drawing() as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        for i, target, positive, scores in curves(clips, bonafide):
            false_alarms, hits, _ = roc_curve(positive, scores)
            axes.plot(false_alarms, hits, label=target, **line_style(i))
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        name_rates(axes, clips.labels, bonafide, "{} found")
        return to_svg(figure, "ROC curve")


def det_plot(clips: JudgedClips, bonafide: Sequence[str]) -> str:
    """Share of a label's clips that are missed, by the share of others that are taken for it."""
    with drawing() as figure:
        axes = figure.subplots()
        axes.plot(deviates(DET_LIMITS), deviates(DET_LIMITS), color=MUTED, lw=1, linestyle="--")
        for i, target, positive, scores in curves(clips, bonafide):
            false_alarms, misses, _ = det_curve(positive, scores)
            axes.plot(deviates(false_alarms), deviates(misses), label=target, **line_style(i))
            rate = deviates([equal_error_rate(positive, scores).rate])
            axes.plot(rate, rate, "o", color=line_style(i)["color"])
        marks = [f"{mark:.0%}" for mark in DET_MARKS]
        axes.set_xticks(deviates(DET_MARKS), marks)
        axes.set_yticks(deviates(DET_MARKS), marks)
        limits = deviates(DET_LIMITS)
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        name_rates(axes, clips.labels, bonafide, "{} missed")
        return to_svg(figure, "DET curve")


def scatter_plot(clips: JudgedClips) -> str:
    """The test embeddings in their plane, those that are judged wrong in a ring."""
    x, y = clips.projection.points.T
    wrong = clips.truth != most_probable(clips.probabilities, clips.labels)
    with drawing(WIDE_INCHES) as figure:
        axes = figure.subplots()
        for i, label in enumerate(clips.labels):
            rows = clips.truth == label
            colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
            points = axes.scatter(x[rows], y[rows], s=34, c=colour, marker=marker, label=label)
            points.set(alpha=0.8, linewidths=0)
        if wrong.any():
            rings = axes.scatter(x[wrong], y[wrong], s=110, label="judged wrong")
            rings.set(facecolors="none", edgecolors=INK, linewidths=1.2)
        axes.set(xlabel="first principal component", ylabel="second principal component")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return to_svg(figure, "Test embeddings")


def curves(
    clips: JudgedClips, bonafide: Sequence[str]
) -> Iterator[tuple[int, str, npt.NDArray[np.bool_], Scores]]:
    """Of each label to find: its number, its name, which clips are it, and their scores."""
    for i, target in enumerate(targets(clips.labels, bonafide)):
        column = clips.labels.index(target)
        yield i, target, clips.truth == target, clips.probabilities[:, column]


def line_style(i: int) -> dict[str, Any]:
    """Colour and dashes of a curve: beyond eight labels the dashes differ."""
    return {"color": SERIES[i % len(SERIES)], "linestyle": ("-", "--", ":", "-.")[i // 8 % 4]}


def deviates(rates: Sequence[float] | Scores) -> Scores:
    """Normal deviates of rates; what lies beyond the plot's limits is on them."""
    values: Scores = norm.ppf(np.clip(rates, *DET_LIMITS))
    return values


def name_rates(axes: Axes, labels: tuple[str, ...], bonafide: Sequence[str], rate: str) -> None:
    """Say what the two axes are, by the labels' names where there are only two."""
    wanted = targets(labels, bonafide)
    if len(wanted) > 1:
        axes.set(xlabel="other labels taken for it", ylabel=rate.format("the label"))
        axes.legend(loc="best")
        return
    [other] = set(labels) - set(wanted)
    axes.set(xlabel=f"{other} taken for {wanted[0]}", ylabel=rate.format(wanted[0]))


@contextmanager
def drawing(size: tuple[float, float] = SIZE_INCHES) -> Iterator[Figure]:
    """A figure in the report's style."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": "edge-detect"}), warnings.catch_warnings():
        # matplotlib's font lacks many scripts; the browser, which draws the text, does not.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield Figure(figsize=size, layout="constrained")


def to_svg(figure: Figure, title: str) -> str:
    """The figure as an SVG element for an HTML page."""
    file = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=no_metadata)
    svg = file.getvalue()
    prefix = re.sub(r"\W", "-", title.lower())
    # Between the tags is text, labels for example, which nothing may rewrite.
    svg = re.sub("<[^>]+>", lambda tag: adapt_tag(tag[0], prefix), svg[svg.index("<svg") :])
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)


def adapt_tag(tag: str, prefix: str) -> str:
    """Fit a tag into a page: the page's colours, ids of its own, no namespaces."""
    tag = re.sub(r' xmlns(:\w+)?="[^"]*"', "", tag)
    tag = tag.replace(' id="', f' id="{prefix}-').replace('="#', f'="#{prefix}-')
    tag = tag.replace("url(#", f"url(#{prefix}-")
    for stand_in, colour in COLOURS.items():
        tag = tag.replace(stand_in, colour)
    return tag
