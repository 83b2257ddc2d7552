"""The classifier on top of frozen features: StandardScaler, then logistic regression."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean

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

_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation strengths to choose from."""
_FOLDS = 4
"""Groups of sources that are left out in turn."""
_VOICES_WEIGHT, _CHANNELS_WEIGHT = 3.0, 4.0
"""Of the scatters that a head is kept from, beside the identity in which it is regularised;
chosen by left-out training rows."""


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
    """Features with what is known of their clips."""

    features: Features
    """(clips, size)"""
    spoof: NDArray[np.bool_]
    """(clips,)"""
    origins: NDArray[np.str_]
    """(clips,): engine or source."""
    sources: NDArray[np.str_]
    """(clips,): the real source that it is, or is a copy, of; empty for an engine that speaks."""
    voices: NDArray[np.str_]
    """(clips,): the speaker."""
    paths: NDArray[np.str_]
    """(clips,): the clip, which stands there once for each view."""

    def __getitem__(self, rows: NDArray[np.bool_]) -> Labelled:
        """Some of the clips."""
        return Labelled(*(getattr(self, field.name)[rows] for field in fields(self)))


def labelled(clips: list[Clip], features: Features) -> Labelled:
    """Attach what is known of the clips that the features came from."""
    return Labelled(
        features,
        spoof=np.array([clip.label is Label.SPOOF for clip in clips]),
        origins=np.array([clip.engine_or_source for clip in clips]),
        sources=np.array([clip.recorded_in for clip in clips]),
        voices=np.array([clip.speaker for clip in clips]),
        paths=np.array([clip.path for clip in clips]),
    )


def joined(parts: list[Labelled]) -> Labelled:
    """All rows of several sets."""
    names = [field.name for field in fields(Labelled)]
    return Labelled(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def fit_head(train: Labelled) -> tuple[Head, Scores]:
    """Fit on the training rows, of at least two engines that speak, and give the log-odds (clips,)
    that they get when left out.

    The regularisation is that with the lowest mean of the equal error rates of engines that speak,
    by heads that have met but one of these: where only one is left out, the rest are relatives
    enough that nearly every strength does.
    """
    speaking = sorted(set(train.origins[train.spoof & (train.sources == "")]))
    unmet = [[engine for engine in speaking if engine != met] for met in speaking]

    def error_rate(strength: float) -> float:
        return fmean(_unmet_error_rate(train, strength, engines) for engines in unmet)

    strength = min(_STRENGTHS, key=error_rate)
    return _fit(train, strength), left_out_log_odds(train, strength)


def left_out_log_odds(train: Labelled, strength: float) -> Scores:
    """Log-odds (clips,) of each row by heads that have met neither its engine nor its source, nor
    copies of that: the mean over such heads."""
    engines = sorted(set(train.origins[train.spoof]))
    return _unmet_log_odds(train, strength, [[engine] for engine in engines])


def _unmet_error_rate(train: Labelled, strength: float, engines: list[str]) -> float:
    """The mean of the engines' equal error rates (0 to 1), by heads that have met none of them."""
    log_odds = _unmet_log_odds(train, strength, [engines])
    judged = ~train.spoof | np.isin(train.origins, engines)
    rates = engine_error_rates(train.spoof[judged], train.origins[judged], log_odds[judged])
    return fmean(rates.values())


def _unmet_log_odds(train: Labelled, strength: float, groups: list[list[str]]) -> Scores:
    """Log-odds (clips,) of real rows and of the groups' engines, by heads that have met no engine
    of a group, nor a row's source or copies of it: the mean over such heads; of other engines 0."""
    log_odds, heads = np.zeros(len(train.spoof)), np.zeros(len(train.spoof))
    sources = sorted(set(train.sources) - {""})
    for engines in groups:
        for fold in range(_FOLDS):
            of_group = np.isin(train.origins, engines)
            of_fold = np.isin(train.sources, sources[fold::_FOLDS])
            unmet = of_fold | (train.sources == "")
            judged = np.where(train.spoof, of_group & unmet, of_fold)
            head = _fit(train[~of_group & ~of_fold], strength)
            log_odds[judged] += head.spoof_log_odds(train.features[judged])
            heads += judged
    return log_odds / np.maximum(heads, 1)


def engine_error_rates(
    spoof: NDArray[np.bool_], origins: NDArray[np.str_], log_odds: Scores
) -> dict[str, float]:
    """The equal error rate (0 to 1) of each engine's clips against all real ones.

    `spoof`, `origins` and `log_odds`, each (clips,), are as those of `Labelled`.
    """
    rates: dict[str, float] = {}
    for engine in sorted(set(origins[spoof])):
        judged = ~spoof | (origins == engine)
        rates[str(engine)] = equal_error_rate(~spoof[judged], -log_odds[judged]).rate
    return rates


def _fit(train: Labelled, strength: float) -> Head:
    scaler = StandardScaler().fit(train.features)
    features = scaler.transform(train.features)
    narrowing = _narrowing(train, features)
    classifier = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    names = np.where(train.spoof, str(Label.SPOOF), str(Label.BONAFIDE))
    classifier.fit(features @ narrowing, names)
    classifier.coef_ = classifier.coef_ @ narrowing
    return Head(scaler, classifier)


def _narrowing(train: Labelled, features: Scores) -> Scores:
    """A symmetric matrix (size, size) that makes directions small in which real voices differ from
    one another, or a clip from itself behind a channel: a head regularised behind it leans on them
    less (within-class covariance normalisation; Hatch, Kajarekar and Stolcke, 2006)."""
    voices = _means(features[~train.spoof], train.voices[~train.spoof])[0]
    clips, of_row = _means(features, train.paths)
    between_voices = np.cov(voices, rowvar=False, bias=True)
    within_clips = np.cov(features - clips[of_row], rowvar=False, bias=True)
    scatter = _VOICES_WEIGHT * between_voices + _CHANNELS_WEIGHT * within_clips
    lengths, directions = np.linalg.eigh(np.eye(features.shape[1]) + scatter)
    return np.asarray(directions / np.sqrt(lengths) @ directions.T)


def _means(features: Scores, groups: NDArray[np.str_]) -> tuple[Scores, NDArray[np.intp]]:
    """The means (groups, size) of rows (rows, size) of a group, and each row's group (rows,)."""
    names, of_row = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), features.shape[1]))
    np.add.at(sums, of_row, features)
    return sums / np.bincount(of_row)[:, np.newaxis], of_row
