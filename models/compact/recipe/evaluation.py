"""The figures of the package and of the trivial baseline, by one and the same measure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from baseline import channel_features
from clips import Clip, write_clips
from edge_detect.conditions import Condition, choose_conditions
from edge_detect.detector import Detector
from edge_detect.evaluate import evaluate
from edge_detect.evaluation import Evaluation, ScoredClips, evaluate_scores
from edge_detect.evaluation_page import render_page
from edge_detect.evaluation_report import EvaluationReport, report_json
from edge_detect.whole_file import write_whole
from head import Head, fit_head, labelled
from sources import Label, Split
from views import Features
from waveform import SAMPLE_RATE

EVALUATED = (Split.TEST, Split.VALIDATION)
BANDS = ("full", "band-5.5k", "band-4k", "band-3.4k")
_BASELINE_STRIDE = 3
"""Every third training clip is plenty for 29 features."""


@dataclass(frozen=True)
class Evaluated:
    """Everything that the card says of the rows of one split."""

    report: EvaluationReport
    """Of the package, as `edge-detect evaluate` gives it."""
    baseline: dict[str, Evaluation]
    """Of the trivial detector, by band."""

    def of(self, condition: str) -> Evaluation:
        """The package's figures under a condition, by its name.

        Raises:
            ValueError: a class had no clip under it.
        """
        (report,) = (one for one in self.report.conditions if one.name == condition)
        if report.evaluation is None:
            raise ValueError(f"no figures under {condition!r}: it left no clip of a class")
        return report.evaluation

    def to_dict(self) -> dict[str, object]:
        """All figures without the scores of single clips."""
        report = asdict(replace(self.report, clips=()))
        return {"report": report, "baseline": {k: asdict(v) for k, v in self.baseline.items()}}


def evaluate_package(clips: list[Clip], work: Path, package: Path) -> dict[Split, Evaluated]:
    """Measure the package and the baseline on the rows that training has not met, and keep the
    reports, pages and figures in the work folder."""
    heads = {name: fit_baseline(clips, work, band(name)) for name in BANDS}
    detector = Detector.load(package)
    found = {}
    for split in EVALUATED:
        rows = [clip for clip in clips if clip.split is split]
        listing = work / f"{split}.csv"
        write_clips(rows, listing)
        report = evaluate(detector, str(listing))
        write_whole(work / f"{split}.json", report_json(report))
        write_whole(work / f"{split}.html", render_page(report))
        baseline = {n: evaluate_baseline(h, rows, work, band(n)) for n, h in heads.items()}
        found[split] = Evaluated(replace(report, data=listing.name), baseline)
    figures = {split: evaluated.to_dict() for split, evaluated in found.items()}
    write_whole(work / "metrics.json", json.dumps(figures, indent=1) + "\n")
    return found


def band(name: str) -> Condition:
    """The condition of that name."""
    return choose_conditions((name,))[-1]


def fit_baseline(clips: list[Clip], work: Path, condition: Condition) -> Head:
    """The trivial detector, fitted anew for a band on training rows heard through it."""
    train = [clip for clip in clips if clip.split is Split.TRAIN][::_BASELINE_STRIDE]
    head, _ = fit_head(labelled(train, channel_features_of(train, work, condition)))
    return head


def evaluate_baseline(head: Head, rows: list[Clip], work: Path, condition: Condition) -> Evaluation:
    """The figures of the trivial detector."""
    scores = -head.spoof_log_odds(channel_features_of(rows, work, condition))
    return evaluate_scores(
        ScoredClips(
            names=np.array([clip.path for clip in rows]),
            scores=scores,
            bonafide=np.array([clip.label is Label.BONAFIDE for clip in rows]),
            origins=np.array([clip.engine_or_source for clip in rows]),
            languages=np.array([clip.language for clip in rows]),
            speakers=np.array([clip.speaker for clip in rows]),
            source_clips=np.array([clip.source_clip for clip in rows]),
        )
    )


def channel_features_of(rows: list[Clip], work: Path, condition: Condition) -> Features:
    """The features (clips, size) of clips as they are heard through a band."""
    heard = (condition.hear(clip.read(work), SAMPLE_RATE) for clip in rows)
    return np.stack([channel_features(waveform) for waveform in heard if waveform is not None])
