"""Detection figures; a higher score means bona fide, as in the ASVspoof challenges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq  # type: ignore[import-untyped]
from sklearn.metrics import roc_auc_score, roc_curve

Scores = NDArray[np.floating]

_RESAMPLES = 400


@dataclass(frozen=True)
class Figures:
    """How well one set of real clips is told from one set of synthetic clips; all are shares."""

    real_clips: int
    spoof_clips: int
    eer: float
    eer_low: float
    """Lower end of the 95 % bootstrap interval over clips."""
    eer_high: float
    auc: float
    false_accusations: float
    """Real clips called synthetic at the 0.5 threshold."""
    misses: float
    """Synthetic clips called real at the 0.5 threshold."""


def equal_error_rate(real: Scores, spoof: Scores) -> float:
    """Where false accusations equal misses, interpolated on the ROC curve."""
    accused, caught, _ = roc_curve(*_joined(-real, -spoof))
    return float(brentq(lambda x: 1 - x - np.interp(x, accused, caught), 0, 1))


def figures(real: Scores, spoof: Scores) -> Figures:
    """All figures for bona fide probabilities (clips,) of either class."""
    low, high = _interval(real, spoof)
    return Figures(
        real_clips=len(real),
        spoof_clips=len(spoof),
        eer=equal_error_rate(real, spoof),
        eer_low=low,
        eer_high=high,
        auc=float(roc_auc_score(*_joined(-real, -spoof))),
        false_accusations=float((real < 0.5).mean()),
        misses=float((spoof >= 0.5).mean()),
    )


def _joined(real: Scores, spoof: Scores) -> tuple[NDArray[np.int64], Scores]:
    labels = np.repeat([0, 1], [len(real), len(spoof)])
    return labels, np.concatenate((real, spoof))


def _interval(real: Scores, spoof: Scores) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    rates = [
        equal_error_rate(rng.choice(real, len(real)), rng.choice(spoof, len(spoof)))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(rates, (2.5, 97.5))
    return float(low), float(high)
