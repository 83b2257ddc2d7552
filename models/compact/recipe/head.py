"""The classifier on top of frozen features: StandardScaler, then logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from clips import Clip
from edge_detect.rates import equal_error_rate
from sources import Label
from views import Features

Scores = NDArray[np.float64]

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation strengths to choose from on the validation rows."""


@dataclass(frozen=True)
class Head:
    """A fitted scaler and classifier; the classes are "bonafide" and "spoof"."""

    scaler: StandardScaler
    classifier: LogisticRegression

    def spoof_log_odds(self, features: Features) -> Scores:
        """Log-odds (clips,) of a synthetic voice."""
        return np.asarray(self.classifier.decision_function(self.scaler.transform(features)))

    def rescaled(self, slope: float, intercept: float) -> Head:
        """The same order of clips at other odds: `slope` times the log-odds, plus `intercept`.

        A calibration of this kind is a logistic regression again, so it needs no graph of its own.
        """
        classifier = deepcopy(self.classifier)
        classifier.coef_ = slope * self.classifier.coef_
        classifier.intercept_ = slope * self.classifier.intercept_ + intercept
        return Head(self.scaler, classifier)

    def save(self, path: Path) -> None:
        """Write both scikit-learn objects with joblib."""
        joblib.dump((self.scaler, self.classifier), path)


def load_head(path: Path) -> Head:
    """Read what `Head.save` wrote."""
    return Head(*joblib.load(path))


@dataclass(frozen=True)
class Labelled:
    """Features with their labels."""

    features: Features
    """(clips, size)"""
    spoof: NDArray[np.bool_]
    """(clips,)"""


def labelled(clips: list[Clip], features: Features) -> Labelled:
    """Attach the labels of the clips that the features came from."""
    return Labelled(features, np.array([clip.label is Label.SPOOF for clip in clips]))


def fit_head(train: Labelled, validation: Sequence[Labelled]) -> Head:
    """Fit on the training rows; the regularisation is that with the lowest mean equal error rate
    over the validation sets."""
    heads = [_fit(train, strength) for strength in _STRENGTHS]
    return min(heads, key=lambda head: np.mean([_error_rate(head, rows) for rows in validation]))


def _fit(train: Labelled, strength: float) -> Head:
    scaler = StandardScaler().fit(train.features)
    classifier = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    names = np.where(train.spoof, str(Label.SPOOF), str(Label.BONAFIDE))
    return Head(scaler, classifier.fit(scaler.transform(train.features), names))


def _error_rate(head: Head, rows: Labelled) -> float:
    return equal_error_rate(~rows.spoof, -head.spoof_log_odds(rows.features)).rate
