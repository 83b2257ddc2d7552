"""Figures of binary detection, and how sure one can be of them; numpy alone.

A higher score means bona fide, as in the ASVspoof challenges. A clip whose score is below the
threshold, or on it, is called synthetic. Two errors are possible, and each has two names:

- a *false positive* accuses real speech (ASVspoof, where bona fide is the target, calls it a miss);
- a *miss* lets synthetic speech pass (there: a false alarm).
"""

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge_detect.errors import DatasetError

Mask: TypeAlias = npt.NDArray[np.bool_]
Scores: TypeAlias = npt.NDArray[np.float64]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class DcfSetting:
    """What the two errors cost, and how often speech is synthetic.

    The values are those of ASVspoof 5 (Wang et al., 2024), track 1.
    """

    miss_cost: float = 1.0
    """Of real speech rejected: a false positive here."""
    false_alarm_cost: float = 10.0
    """Of synthetic speech accepted: a miss here."""
    spoof_prior: float = 0.05
    """Share of trials that are synthetic, 0 to 1."""


ASVSPOOF_5 = DcfSetting()


@dataclass(frozen=True)
class EqualErrorRate:
    """The rate at which both errors are equal, and where that is."""

    rate: float
    """0 to 1"""
    threshold: float
    """A score. Where clips share it, or where no threshold makes the errors equal, the rate is
    reached by deciding those clips on it by lot; otherwise it lies midway between two scores."""


@dataclass(frozen=True)
class ErrorRates:
    """Both errors at one threshold."""

    false_positive: float
    """Share of the real speech that is accused, 0 to 1."""
    miss: float
    """Share of the synthetic speech that passes, 0 to 1."""


@dataclass(frozen=True, eq=False)
class DetCurve:
    """Both errors at every threshold that makes a difference, for one set of weights or many.

    Arrays are (..., points): the leading axes are those of the weights. Along a curve the
    threshold rises, so the false positives go from 0 to 1 and the misses from 1 to 0.
    """

    thresholds: Scores
    """(points,): minus infinity, then every score that occurs."""
    accused: Scores
    """Weight of the real clips on the threshold or below it."""
    passed: Scores
    """Weight of the synthetic clips above the threshold."""

    @cached_property
    def false_positives(self) -> Scores:
        """Shares of the real speech, 0 to 1."""
        shares: Scores = self.accused / self.accused[..., -1:]
        return shares

    @cached_property
    def misses(self) -> Scores:
        """Shares of the synthetic speech, 0 to 1."""
        shares: Scores = self.passed / self.passed[..., :1]
        return shares

    def equal_error_rates(self) -> tuple[Scores, Scores]:
        """The rates (...,) and the thresholds (...,), as `equal_error_rate` defines them."""
        # In whole weights: where the errors are equal, this is zero exactly.
        excess = self.accused * self.passed[..., :1] - self.passed * self.accused[..., -1:]
        above = (excess >= 0).argmax(axis=-1)[..., np.newaxis]
        low, high = (np.take_along_axis(excess, i, -1)[..., 0] for i in (above - 1, above))
        rates = self.false_positives
        start, end = (np.take_along_axis(rates, i, -1)[..., 0] for i in (above - 1, above))
        share = -low / (high - low)
        at = self.thresholds[above[..., 0]]
        after = self.thresholds[np.minimum(above[..., 0] + 1, len(self.thresholds) - 1)]
        return start + share * (end - start), np.where(high == 0, (at + after) / 2, at)

    def areas(self) -> Scores:
        """The areas (...,) under the ROC curve, as `roc_auc` defines them."""
        caught = 1 - self.misses
        steps = np.diff(self.false_positives, axis=-1)
        areas: Scores = (steps * (caught[..., 1:] + caught[..., :-1]) / 2).sum(axis=-1)
        return areas

    def min_costs(self, setting: DcfSetting = ASVSPOOF_5) -> Scores:
        """The lowest normalised costs (...,), as `min_dcf` defines them."""
        rejected = setting.miss_cost * (1 - setting.spoof_prior)
        accepted = setting.false_alarm_cost * setting.spoof_prior
        costs = rejected * self.false_positives + accepted * self.misses
        lowest: Scores = costs.min(axis=-1) / min(rejected, accepted)
        return lowest


def det_curve(bonafide: Mask, scores: Scores, weights: Scores | None = None) -> DetCurve:
    """The detection error trade-off of scores (clips,), of which `bonafide` (clips,) are real.

    `weights` (..., clips) are how often each clip counts, once where not given; each set of them
    needs clips of both classes.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    check_scores(bonafide, scores)
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    weight = np.ones(len(scores)) if weights is None else weights[..., order]
    last = np.flatnonzero(np.append(np.diff(ordered) > 0, True))  # of each run of ties
    real, spoof = (
        np.cumsum(weight * mask[order], axis=-1)[..., last] for mask in (bonafide, ~bonafide)
    )
    start = np.zeros((*weight.shape[:-1], 1))
    return DetCurve(
        thresholds=np.append(-np.inf, ordered[last]),
        accused=np.concatenate((start, real), axis=-1),
        passed=spoof[..., -1:] - np.concatenate((start, spoof), axis=-1),
    )


def check_scores(bonafide: Mask, scores: Scores) -> None:
    """Refuse what no rate can be computed from.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    for name, count in (("real", bonafide.sum()), ("synthetic", (~bonafide).sum())):
        if not count:
            raise DatasetError(f"there is no {name} clip to compare with; give clips of both kinds")
    if not np.isfinite(scores).all():
        raise DatasetError("a score is not a finite number; give log-odds or probabilities")


def equal_error_rate(bonafide: Mask, scores: Scores) -> EqualErrorRate:
    """Where false positives equal misses, interpolated linearly on the ROC curve.

    The curve is the one of the scores themselves, ties included, not its convex hull (which would
    give the lower EER of calibrated scores; Brümmer, 2010). The rate is the same whichever class
    is called bona fide.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    rate, threshold = det_curve(bonafide, scores).equal_error_rates()
    return EqualErrorRate(float(rate), float(threshold))


def roc_auc(bonafide: Mask, scores: Scores) -> float:
    """How often a real clip scores above a synthetic one, 0 to 1; a tie counts half.

    That is the area under the ROC curve, and Mann and Whitney's U (1947) as a share of all pairs.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    return float(det_curve(bonafide, scores).areas())


def min_dcf(bonafide: Mask, scores: Scores, setting: DcfSetting = ASVSPOOF_5) -> float:
    """The lowest detection cost that any threshold gives; 1 is that of the best constant verdict.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    return float(det_curve(bonafide, scores).min_costs(setting))


def cllr(
    bonafide: Mask, log_likelihood_ratios: Scores, weights: Scores | None = None
) -> npt.NDArray[np.float64]:
    """Cost of log-likelihood ratios (clips,) in bits, (...,) as the weights (Brümmer, 2006).

    The ratios are natural logarithms: a model's log-odds of bona fide, less those of its prior. 0
    is perfect, 1 is what saying nothing (0 for every clip) costs; above that the scores mislead.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    check_scores(bonafide, log_likelihood_ratios)
    weight = np.ones(len(bonafide)) if weights is None else weights
    # log(1 + exp(-ratio)) of the real ones, log(1 + exp(ratio)) of the others.
    losses = np.logaddexp(0, np.where(bonafide, -log_likelihood_ratios, log_likelihood_ratios))
    means = [weight @ (losses * mask) / (weight @ mask) for mask in (bonafide, ~bonafide)]
    bits: npt.NDArray[np.float64] = (means[0] + means[1]) / (2 * np.log(2))
    return bits


def error_rates(bonafide: Mask, scores: Scores, threshold: float) -> ErrorRates:
    """Both errors where scores on the threshold or below it are called synthetic.

    Raises:
        DatasetError: a class has no clip, or a score is not finite.
    """
    check_scores(bonafide, scores)
    return ErrorRates(
        false_positive=float((scores[bonafide] <= threshold).mean()),
        miss=float((scores[~bonafide] > threshold).mean()),
    )


def wilson_interval(count: int, clips: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson, 1927)."""
    deviate = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share, doubt = count / clips, deviate**2 / clips
    centre = (share + doubt / 2) / (1 + doubt)
    half = deviate * np.sqrt(share * (1 - share) / clips + doubt / clips / 4) / (1 + doubt)
    low = 0.0 if count == 0 else float(centre - half)
    return low, 1.0 if count == clips else float(centre + half)
