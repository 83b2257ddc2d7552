"""One HTML page of an evaluation, which needs nothing beside it."""

from collections.abc import Sequence
from html import escape

import numpy as np

from edge_detect.conditions import FULL
from edge_detect.evaluation import Evaluation
from edge_detect.evaluation_plots import SERIES_COLOURS, Series, det_plot, histogram
from edge_detect.evaluation_report import (
    ClipRecord,
    EvaluationReport,
    Grid,
    NotUsed,
    estimate_text,
    grids,
    remarks,
)
from edge_detect.page import html_page
from edge_detect.rates import det_curve

SHOWN_CLIPS = 100


def render_page(report: EvaluationReport) -> str:
    """The page: what it rests on, the DET curve, the histograms, every table, unused clips."""
    evaluation = report.full.evaluation
    sections = [*map(table_section, grids(report)), *unused_sections(report)]
    plots = plot_sections(report, evaluation) if evaluation else ""
    facts = "".join(f"<li>{escape(remark)}</li>" for remark in remarks(report))
    body = f"""<h1>{escape(report.model.name)}: evaluation</h1>
{headline(evaluation)}
<ul class="remarks">{facts}</ul>
{plots}
{"".join(sections)}
<footer>{escape(", ".join(f"{name} {version}" for name, version in report.versions.items()))}.
Every figure can be computed again from the scores in the JSON of the same run.</footer>"""
    return html_page(f"{report.model.name}: evaluation", body)


def headline(evaluation: Evaluation | None) -> str:
    """The pooled figures in a sentence."""
    if evaluation is None:
        return "<p>No figures: a class has no clip that could be judged.</p>"
    rates = evaluation.pooled.rates
    return (
        f"<p>Equal error rate {estimate_text('eer', rates.eer)}; at the shipped threshold "
        f"{estimate_text('rate', rates.false_positive_rate)} of the real speech is accused and "
        f"{estimate_text('rate', rates.miss_rate)} of the synthetic speech passes.</p>"
    )


def plot_sections(report: EvaluationReport, evaluation: Evaluation) -> str:
    """DET curve and histograms of the clips as they are."""
    clips = [clip for clip in report.clips if FULL in clip.scores]
    bonafide = np.array([clip.bonafide for clip in clips])
    scores = np.array([clip.scores[FULL] for clip in clips])
    shipped = report.threshold.score
    point = (
        float((scores[bonafide] <= shipped).mean()),
        float((scores[~bonafide] > shipped).mean()),
    )
    series = det_series(clips, evaluation)
    det = det_plot(series, point, "Detection error trade-off of all clips, and by engine")
    bars = histogram(bonafide, scores, shipped, "Histograms of the scores of either class")
    engines = len(evaluation.engines)
    shown = "each engine" if engines < SERIES_COLOURS else "the engines with the highest EER"
    det_note = (
        f"All clips (bold), and {shown} against all real clips; both axes are normal deviates. "
        "A dot is an equal error rate, the cross is the shipped threshold for all clips."
        if engines
        else "All clips; both axes are normal deviates. The dot is the equal error rate, the cross "
        "is the shipped threshold."
    )
    return (
        f'<div class="plots"><section><h2>DET curve</h2><p class="note">{det_note}</p>'
        f"{key([one.name for one in series])}{det}</section>"
        '<section><h2>Scores</h2><p class="note">The dashed line is the shipped threshold: what '
        "lies on it or left of it is accused.</p>"
        f"{key(['real', 'synthetic'])}{bars}</section></div>"
    )


def det_series(clips: Sequence[ClipRecord], evaluation: Evaluation) -> list[Series]:
    """The curve of all clips, and those of as many engines as there are colours."""
    worst = sorted(
        evaluation.engines,
        key=lambda name: -(e.value if (e := evaluation.engines[name].rates.eer) else 0),
    )
    chosen = [("all clips", clips)] + [
        (engine, [clip for clip in clips if clip.bonafide or clip.origin == engine])
        for engine in worst[: SERIES_COLOURS - 1]
    ]
    return [
        Series(
            name,
            det_curve(
                np.array([clip.bonafide for clip in some]),
                np.array([clip.scores[FULL] for clip in some]),
            ),
        )
        for name, some in chosen
    ]


def key(names: Sequence[str]) -> str:
    """Which colour is what."""
    items = (
        f'<li><span class="series-{i}"></span>{escape(name)}</li>'
        for i, name in enumerate(names, 1)
    )
    return f'<ul class="key">{"".join(items)}</ul>'


def table_section(grid: Grid) -> str:
    """One table."""
    header = "".join(f"<th>{escape(title)}</th>" for title in grid.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in grid.rows
    )
    return (
        f'<section><h2>{escape(grid.title)}</h2><p class="note">{escape(grid.note)}</p>'
        f"<table><tr>{header}</tr>{rows}</table></section>"
    )


def unused_sections(report: EvaluationReport) -> list[str]:
    """The clips that have no part in the figures."""
    kinds = (("Could not be judged", report.failures), ("Left out", report.left_out))
    return [unused_section(title, entries) for title, entries in kinds if entries]


def unused_section(title: str, entries: Sequence[NotUsed]) -> str:
    """The first of them by name."""
    items = "".join(f"<li>{escape(entry.message)}</li>" for entry in entries[:SHOWN_CLIPS])
    more = len(entries) - SHOWN_CLIPS
    rest = f'<p class="note">and {more} more, in the JSON</p>' if more > 0 else ""
    return f"<section><h2>{title}: {len(entries)}</h2><ul>{items}</ul>{rest}</section>"
