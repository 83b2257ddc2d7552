"""What `edge-detect evaluate` found, as a table or JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TextIO

from edge_detect.detection import ModelIdentity
from edge_detect.evaluation import Estimate, Evaluation, Figures, Flips, Rates
from edge_detect.rates import DcfSetting
from edge_detect.resampling import DrawnBy

SCHEMA = 1


@dataclass(frozen=True)
class Threshold:
    """Where the verdicts of the report turn."""

    spoof_probability: float
    """From which on, itself too, a clip is accused, 0 to 1."""
    score: float
    """The same as natural log-odds of bona fide: on it, or below, a clip is accused."""
    prior_log_odds: float
    """Natural log-odds of bona fide that the model assumes; Cllr takes them off the scores."""


@dataclass(frozen=True)
class ClipRecord:
    """A clip and its scores; a text is empty where unknown."""

    name: str
    label: str
    bonafide: bool
    """Whether it is real speech."""
    origin: str
    """The source of a real clip, the engine of a synthetic one."""
    language: str
    speaker: str
    source_clip: str
    """Name of the clip that a copy was made from."""
    duration_s: float
    scores: dict[str, float]
    """Condition to the natural log-odds of bona fide."""
    unheard: dict[str, str]
    """Condition under which it has no score to the reason."""


@dataclass(frozen=True)
class NotUsed:
    """A clip that has no part in the figures, and why."""

    name: str
    type: str
    """Stable name of the reason."""
    message: str


@dataclass(frozen=True)
class ConditionReport:
    """The figures of the clips as they are heard under one condition."""

    name: str
    kind: str
    """full, bandwidth, microphone, codec, silence or duration."""
    title: str
    left_out: dict[str, int]
    """Reason to the number of clips that are judged as they are and not under this condition."""
    flips: Flips | None
    """Verdicts that differ from those on the clips as they are; None for these, and for none."""
    evaluation: Evaluation | None
    """None where a class has no clip left."""


@dataclass(frozen=True)
class EvaluationReport:
    """All figures, and all scores, from which they can be computed again."""

    schema: int
    data: str
    """As it was given."""
    model: ModelIdentity
    device: str
    """"cpu" or "cuda"."""
    threshold: Threshold
    dcf: DcfSetting
    """Of `min_dcf`; its "miss" is a rejected real clip, as in ASVspoof."""
    confidence: float
    """Of every interval, 0 to 1."""
    resamples: int
    seed: int
    versions: dict[str, str]
    conditions: tuple[ConditionReport, ...]
    failures: tuple[NotUsed, ...]
    """Clips that could not be judged."""
    left_out: tuple[NotUsed, ...]
    """Clips that were not tried: without a label, or there twice."""
    clips: tuple[ClipRecord, ...]

    @property
    def full(self) -> ConditionReport:
        """The clips as they are."""
        return self.conditions[0]


def report_json(report: EvaluationReport) -> str:
    """The whole report."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Grid:
    """A table of figures, for whatever shows it."""

    title: str
    note: str
    """What the rows are."""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The first cell is a name, the others are figures."""


def remarks(report: EvaluationReport) -> tuple[str, ...]:
    """What a reader of the tables has to know, a sentence each."""
    threshold, dcf = report.threshold, report.dcf
    return (
        f"model {report.model.name} ({report.model.precision}, {report.device}, manifest "
        f"{report.model.sha256[:12]}) on {len(report.clips)} clips of {report.data}",
        f"accused from a spoof probability of {threshold.spoof_probability:.6g} on",
        f"minDCF: {dcf.miss_cost:g} for a rejected real clip, {dcf.false_alarm_cost:g} for an "
        f"accepted synthetic one, {dcf.spoof_prior:.0%} of them synthetic; 1 is the best constant "
        "verdict's, and Cllr 1 bit is that of saying nothing",
        f"in brackets: {report.confidence:.0%} bootstrap intervals, {report.resamples} resamples, "
        f"seed {report.seed}; drawn anew: {drawn_text(report)}",
        "where no error was seen, or nothing but errors, an interval has no width, however few the "
        "clips: none can be drawn",
    )


def drawn_text(report: EvaluationReport) -> str:
    """What the intervals of the pooled figures resample."""
    evaluation = report.full.evaluation
    if evaluation is None:
        return "nothing"
    kinds = (("real", evaluation.pooled.real_drawn), ("synthetic", evaluation.pooled.spoof_drawn))
    text = " and ".join(f"{d.units} {kind} {drawn_units(d)}" for kind, d in kinds if d)
    if any(d.by != "groups" for _, d in kinds if d):
        text += (
            "; single clips where no two speakers, sources or engines are known, so that "
            "those intervals say nothing of other ones"
        )
    return text


def drawn_units(drawn: DrawnBy) -> str:
    """What units are called: a group is a speaker, or a source or an engine."""
    return {
        "groups": "speakers, sources or engines",
        "clips": "clips",
        "groups and clips": "speakers, sources or engines and single clips",
    }[drawn.by]


def grids(report: EvaluationReport) -> Iterator[Grid]:
    """Every table of the report."""
    yield condition_grid(report)
    if (evaluation := report.full.evaluation) is None:
        return
    of_both = ("eer", "auc", "min_dcf", "cllr")
    yield from figure_grids(
        ("By engine", "a row's synthetic clips against all real ones"),
        evaluation.engines,
        (*of_both, "miss_rate"),
        evaluation.mean_over_engines,
    )
    yield from figure_grids(
        ("By source", "a row's real clips against all synthetic ones"),
        evaluation.sources,
        (*of_both, "false_positive_rate"),
    )
    yield from figure_grids(
        ("By language", "a row's clips among themselves, which may be of one class"),
        evaluation.languages,
        (*of_both, "false_positive_rate", "miss_rate"),
    )


TITLES = {
    "eer": "EER",
    "auc": "AUC",
    "min_dcf": "minDCF",
    "cllr": "Cllr",
    "false_positive_rate": "real accused",
    "miss_rate": "synthetic passed",
}


def condition_grid(report: EvaluationReport) -> Grid:
    """A row for each condition, all clips pooled."""
    return Grid(
        "By condition",
        "all engines and sources pooled; mean EER: over engines, each against all real clips; "
        "changed: verdicts that differ from those on the clips as they are",
        ("heard", "real", "synthetic", *TITLES.values(), "mean EER", "changed", "left out"),
        tuple(condition_cells(condition) for condition in report.conditions),
    )


def condition_cells(condition: ConditionReport) -> tuple[str, ...]:
    """One row of the table of conditions."""
    left_out = str(sum(condition.left_out.values()) or "")
    flips = estimate_text("flips", condition.flips.rate if condition.flips else None)
    if condition.evaluation is None:
        return (condition.title, *[""] * (3 + len(TITLES)), flips, left_out)
    pooled, mean = condition.evaluation.pooled, condition.evaluation.mean_over_engines
    return (
        condition.title,
        str(pooled.real_clips),
        str(pooled.spoof_clips),
        *(estimate_text(name, getattr(pooled.rates, name)) for name in TITLES),
        estimate_text("eer", mean.eer if mean else None),
        flips,
        left_out,
    )


def figure_grids(
    heading: tuple[str, str],
    rows: Mapping[str, Figures],
    names: Sequence[str],
    mean: Rates | None = None,
) -> Iterator[Grid]:
    """A table with a row for each name, and one for the mean of all; none without names."""
    if not rows:
        return
    cells = [
        (
            name,
            str(figures.real_clips),
            str(figures.spoof_clips),
            *(estimate_text(figure, getattr(figures.rates, figure)) for figure in names),
        )
        for name, figures in rows.items()
    ]
    if mean:
        means = [estimate_text(figure, getattr(mean, figure)) for figure in names]
        cells.append(("mean of these", "", "", *means))
    header = ("", "real", "synthetic", *(TITLES[name] for name in names))
    yield Grid(*heading, header, tuple(cells))


def estimate_text(name: str, estimate: Estimate | None) -> str:
    """A figure with its interval: shares in percent, the rest as they are; empty for None."""
    if estimate is None:
        return ""
    values = (estimate.value, estimate.low, estimate.high)
    if name in ("auc", "min_dcf", "cllr"):
        value, low, high = (f"{x:.3f}" for x in values)
        return f"{value} [{low}, {high}]"
    value, low, high = (f"{100 * x:.1f}" for x in values)
    return f"{value} % [{low}, {high}]"


def write_table(report: EvaluationReport, out: TextIO) -> None:
    """What has to be known, then every table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False, width=1000)
    out.write("".join(f"{line}\n" for line in remarks(report)))
    for grid in grids(report):
        out.write(f"\n{grid.title}: {grid.note}\n")
        table = Table(box=None, pad_edge=False)
        for i, title in enumerate(grid.header):
            table.add_column(title, justify="right" if i else "left", no_wrap=True)
        for row in grid.rows:
            table.add_row(*map(Text, row))
        console.print(table)
