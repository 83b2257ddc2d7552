"""A user's own clips through a detector, and the profile that is fitted to them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge_detect.calibration import (
    Calibration,
    Judgements,
    choose_band,
    choose_threshold,
    clips_needed,
    decision_measured_by,
    fit_calibration,
    to_log_odds,
    to_probabilities,
)
from edge_detect.calibration_profile import SCHEMA, CalibrationProfile
from edge_detect.calibration_report import CalibrationReport
from edge_detect.detection import Failure
from edge_detect.detector import Detector
from edge_detect.errors import DatasetError, VerdictUnavailable
from edge_detect.evaluation import shipped_operation
from edge_detect.inputs import Selection, files_below
from edge_detect.rates import Mask, Scores, cllr, equal_error_rate

Follow: TypeAlias = Callable[[Sequence[str | Failure]], Iterable[str | Failure]]
"""Passes the clips on as they are asked for: a progress bar."""

PRIOR = 0.5
"""Share of synthetic speech that calibrated probabilities assume."""

FOLDS = 10
"""Of the cross-validation."""

FEWEST_CLIPS = 20
"""Of a class, whatever the wanted rate: two in each fold."""

BORDER = 1e-3
"""In the model's log-odds: a clip that a threshold was set beside stays on its side of it in
another order of float32 additions too."""


@dataclass(frozen=True)
class LabelledFolders:
    """The clips of two folders in the order of their names, and the folders that can't be read."""

    real_folder: str
    spoof_folder: str
    real: tuple[str | Failure, ...]
    spoof: tuple[str | Failure, ...]

    @classmethod
    def find(cls, real_folder: str, spoof_folder: str, selection: Selection) -> "LabelledFolders":
        """List both folders.

        Raises:
            DatasetError: one of them is no folder.
        """
        for folder in (real_folder, spoof_folder):
            if not Path(folder).is_dir():
                raise DatasetError(f"no folder {folder!r}; give one with clips")
        return cls(
            real_folder,
            spoof_folder,
            tuple(files_below(real_folder, selection)),
            tuple(files_below(spoof_folder, selection)),
        )

    def check_enough(self, wanted_fpr: float) -> None:
        """Refuse before work is done for too few clips; raises DatasetError."""
        real, spoof = (
            sum(isinstance(clip, str) for clip in clips) for clips in (self.real, self.spoof)
        )
        check_clips(real, spoof, wanted_fpr)


@dataclass(frozen=True, eq=False)
class ScoredFolders:
    """The scores of the clips that have one."""

    log_odds: Scores
    """(clips,), the model's natural log-odds of synthetic speech; real clips first."""
    spoof: Mask
    """(clips,), which of them are synthetic."""
    failures: tuple[Failure, ...]
    """The others."""


@dataclass(frozen=True)
class Fit:
    """What is fitted to some clips."""

    calibration: Calibration
    threshold: float
    low: float
    high: float

    @classmethod
    def to(cls, log_odds: Scores, spoof: Mask, wanted_fpr: float) -> "Fit":
        """Calibrate, then choose the threshold and the band at the wanted rate.

        Outside of the band at most that share of the real clips is accused, and of the synthetic
        ones passes.
        """
        calibration = fit_calibration(log_odds, spoof, PRIOR)
        worse = log_odds + np.where(spoof, -BORDER, BORDER)
        probabilities = to_probabilities(calibration.apply(worse))
        threshold = choose_threshold(probabilities[~spoof], wanted_fpr)
        return cls(
            calibration, threshold, *choose_band(probabilities, spoof, threshold, wanted_fpr)
        )

    def judge(self, log_odds: Scores, spoof: Mask) -> Judgements:
        """What it makes of clips (clips,)."""
        calibrated = self.calibration.apply(log_odds)
        return Judgements.of(
            to_probabilities(calibrated), calibrated, spoof, self.threshold, self.low, self.high
        )


def score_folders(
    detector: Detector, folders: LabelledFolders, follow: Follow = iter
) -> ScoredFolders:
    """Judge every clip as the detector does.

    Raises:
        VerdictUnavailable: the model doesn't say which of its labels mean real speech.
    """
    if not detector.manifest.bonafide_labels:
        raise VerdictUnavailable(
            f"the model {detector.manifest.name!r} does not say which labels mean real speech, so "
            "it can't be calibrated; export it with --bonafide-label"
        )
    failures: list[Failure] = []
    scores: list[float] = []
    spoof: list[bool] = []
    clips = (*folders.real, *folders.spoof)
    for number, answer in enumerate(detector.predict_batch(follow(clips))):
        if isinstance(answer, Failure):
            failures.append(answer)
        elif answer.spoof_probability is not None:
            scores.append(answer.spoof_probability)
            spoof.append(number >= len(folders.real))
    return ScoredFolders(
        to_log_odds(np.array(scores, np.float64)), np.array(spoof, np.bool_), tuple(failures)
    )


def calibrate(
    detector: Detector, folders: LabelledFolders, scored: ScoredFolders, wanted_fpr: float
) -> CalibrationReport:
    """Fit a profile to all clips, and measure by cross-validation what such a fit does.

    Raises:
        DatasetError: there are too few clips for the wanted rate, or nothing can be fitted.
    """
    log_odds, spoof = scored.log_odds, scored.spoof
    check_clips(int((~spoof).sum()), int(spoof.sum()), wanted_fpr)
    fit = Fit.to(log_odds, spoof, wanted_fpr)
    decision = decision_measured_by(
        cross_validate(log_odds, spoof, wanted_fpr),
        fit.threshold,
        fit.low,
        fit.high,
        PRIOR,
        describe(folders),
    )
    prior = shipped_operation(detector.manifest).prior_log_odds
    return CalibrationReport(
        profile=CalibrationProfile(SCHEMA, detector.model, fit.calibration, decision),
        failures=scored.failures,
        wanted_false_positive_rate=wanted_fpr,
        equal_error_rate=equal_error_rate(~spoof, -log_odds).rate,
        cllr_before=float(cllr(~spoof, -log_odds - prior)),
    )


def cross_validate(log_odds: Scores, spoof: Mask, wanted_fpr: float) -> Judgements:
    """Every clip judged by what is fitted without its fold."""
    folds = fold_numbers(spoof)
    parts = []
    for fold in range(FOLDS):
        held_out = folds == fold
        fit = Fit.to(log_odds[~held_out], spoof[~held_out], wanted_fpr)
        parts.append(fit.judge(log_odds[held_out], spoof[held_out]))
    return Judgements.joined(parts)


def fold_numbers(spoof: Mask) -> Scores:
    """The fold (clips,) of each clip: of either class, as many in each as can be.

    A fold is a run of clips as they come, since those of one voice or engine mostly stand together.
    """
    folds = np.empty(len(spoof))
    for mask in (spoof, ~spoof):
        clips = int(mask.sum())
        folds[mask] = np.arange(clips) * FOLDS // clips
    return folds


def fewest_clips(wanted_fpr: float) -> int:
    """How many clips of a class leave enough to show the rate when a fold is held out."""
    return max(FEWEST_CLIPS, -(-clips_needed(wanted_fpr) * FOLDS // (FOLDS - 1)))


def check_clips(real: int, spoof: int, wanted_fpr: float) -> None:
    """Refuse too few clips; raises DatasetError, which says how many are needed."""
    needed = fewest_clips(wanted_fpr)
    if min(real, spoof) < needed:
        raise DatasetError(
            f"{real} real and {spoof} synthetic clips are too few for a false-positive rate of "
            f"{wanted_fpr:.2%}; give at least {needed} of each"
            + (", or allow a higher rate" if needed > FEWEST_CLIPS else "")
        )


def describe(folders: LabelledFolders) -> str:
    """The clips and how they were measured, for a decision's `data`."""
    return (
        f"the clips of {folders.real_folder!r} (real) and {folders.spoof_folder!r} (synthetic), "
        f"by {FOLDS}-fold cross-validation: each was judged by a calibration, threshold and band "
        "fitted without it and its neighbours by name; the profile's own are fitted on all"
    )
