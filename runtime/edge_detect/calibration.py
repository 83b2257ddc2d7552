"""Probabilities that mean something, and the threshold and band that are chosen on labelled clips.

Here a higher score means synthetic speech, as in everything that is answered.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_detect.errors import DatasetError
from edge_detect.manifest import Decision
from edge_detect.rates import CONFIDENCE, Mask, Scores, check_scores, cllr, wilson_interval

# Twice the loss that another step of Newton could still gain.
CONVERGED = 1e-12

# Half of the step by which a float32 just below 1 can change: all that a probability of 1 says.
RESOLUTION = 2.0**-25


@dataclass(frozen=True)
class Calibration:
    """A straight line from log-odds to calibrated ones, by natural logarithms."""

    slope: float
    """Above 0, so that the order of the clips stays."""
    intercept: float

    def apply(self, log_odds: Scores) -> Scores:
        """The calibrated log-odds (clips,) of synthetic speech."""
        return self.slope * log_odds + self.intercept


def fit_calibration(log_odds: Scores, spoof: Mask, prior: float) -> Calibration:
    """Fit the line by which `log_odds` (clips,), of which `spoof` (clips,) are synthetic, are true.

    Logistic regression on the one score (Platt, 1999), in which synthetic speech weighs `prior` in
    all and real speech the rest, however many clips there are of either: the calibrated log-odds
    are those where that share of speech is synthetic. The targets are Platt's, (n + 1) / (n + 2)
    and 1 / (n + 2) for a class of n clips, so that the line stays finite where no clip is on the
    wrong side.

    Raises:
        DatasetError: a class has no clip, a score is not finite, or the scores don't rise with
            synthetic speech.
    """
    check_share(prior, "the prior")
    check_scores(~spoof, log_odds)
    centre, spread = float(log_odds.mean()), float(log_odds.std())
    if spread == 0:
        raise DatasetError("every clip has the same score; there is nothing to calibrate")
    real_clips, spoof_clips = int((~spoof).sum()), int(spoof.sum())
    design = np.stack([(log_odds - centre) / spread, np.ones(len(spoof))], axis=1)
    targets = np.where(spoof, (spoof_clips + 1) / (spoof_clips + 2), 1 / (real_clips + 2))
    weights = np.where(spoof, prior / spoof_clips, (1 - prior) / real_clips)
    slope, intercept = fit_logistic(design, targets, weights)
    if slope <= 0:
        raise DatasetError(
            "the scores don't rise with synthetic speech; check which clips are labelled real"
        )
    return Calibration(slope / spread, intercept - slope * centre / spread)


def fit_logistic(design: Scores, targets: Scores, weights: Scores) -> tuple[float, float]:
    """The two parameters of least weighted cross-entropy, by Newton's method.

    A step is halved until it gains enough (Lin, Lin and Weng, 2007). `design` is (clips, 2), the
    targets are strictly between 0 and 1, which makes the minimum finite and the only one.
    """

    def loss(parameters: Scores) -> float:
        logits = design @ parameters
        return float(weights @ (np.logaddexp(0, logits) - targets * logits))

    parameters = np.zeros(2)
    while True:
        probabilities = (1 + np.tanh(design @ parameters / 2)) / 2  # exp would overflow
        gradient = design.T @ (weights * (probabilities - targets))
        curvature = weights * probabilities * (1 - probabilities)
        step = np.linalg.solve(design.T @ (curvature[:, np.newaxis] * design), gradient)
        gain = float(gradient @ step)
        if gain < CONVERGED:
            slope, intercept = parameters - step
            return float(slope), float(intercept)
        while loss(parameters - step) > loss(parameters) - 1e-4 * gain:
            step, gain = step / 2, gain / 2
        parameters = parameters - step


def choose_threshold(spoof_probability_of_real: Scores, wanted_fpr: float) -> float:
    """The smallest threshold that accuses at most the share `wanted_fpr` of the real clips.

    A clip is accused at the threshold and above it, so clips that share a probability are accused
    together or not at all, and the threshold is the number next above a clip's probability.

    Raises:
        DatasetError: there are too few clips to show such a rate (`clips_needed`), a probability
            is none, or too many of them are 1.
    """
    check_share(wanted_fpr, "the wanted false-positive rate")
    check_probabilities(spoof_probability_of_real)
    check_support(len(spoof_probability_of_real), wanted_fpr, "real")
    falling = np.sort(spoof_probability_of_real.astype(np.float64))[::-1]
    threshold = float(np.nextafter(falling[most(len(falling), wanted_fpr)], np.inf))
    if threshold > 1:
        raise DatasetError(
            f"more than {wanted_fpr:.2%} of the real clips have a spoof probability of 1, so any "
            "threshold accuses them; allow more, or use another model"
        )
    return threshold


def choose_band(
    spoof_probability: Scores, spoof: Mask, threshold: float, wanted_error: float
) -> tuple[float, float]:
    """The ends of the narrowest band outside of which few clips are judged wrongly.

    Few: at most the share `wanted_error` of all real clips is accused, and of all synthetic clips
    passes. The ends are outside of the band; both are `threshold` where it needs none.

    Raises:
        DatasetError: a class has too few clips to show such a rate, a probability is none, or too
            many clips are at the wrong end of the scale.
    """
    check_share(wanted_error, "the wanted share of errors")
    check_probabilities(spoof_probability)
    real, synthetic = (spoof_probability[mask].astype(np.float64) for mask in (~spoof, spoof))
    check_support(len(synthetic), wanted_error, "synthetic")
    high = max(threshold, choose_threshold(real, wanted_error))
    may_pass = most(len(synthetic), wanted_error)
    low = threshold
    if (synthetic < threshold).sum() > may_pass:
        low = float(np.nextafter(np.sort(synthetic)[may_pass], -np.inf))
    elif high > threshold:
        low = float(np.nextafter(threshold, -np.inf))  # or the threshold itself would accuse
    if low < 0:
        raise DatasetError(
            f"more than {wanted_error:.2%} of the synthetic clips have a spoof probability of 0, "
            "so they pass whatever the band is; allow more, or use another model"
        )
    return low, high


def measure_decision(
    spoof_probability: Scores,
    spoof: Mask,
    threshold: float,
    low: float,
    high: float,
    prior: float,
    data: str,
) -> Decision:
    """What a threshold and a band do to labelled clips; best ones on which neither was chosen.

    Args:
        spoof_probability: (clips,), 0 to 1.
        spoof: (clips,), which of them are synthetic.
        threshold: spoof probability from which on a clip is accused.
        low: strictly between this and `high`, a clip is inconclusive.
        high: see `low`.
        prior: the share of synthetic speech that the probabilities assume.
        data: which clips these are.

    Raises:
        DatasetError: a class has no clip, a probability is none, or every clip is inconclusive.
    """
    check_share(prior, "the prior")
    check_scores(~spoof, spoof_probability)
    check_probabilities(spoof_probability)
    log_odds = to_log_odds(spoof_probability)
    judgements = Judgements.of(spoof_probability, log_odds, spoof, threshold, low, high)
    return decision_measured_by(judgements, threshold, low, high, prior, data)


@dataclass(frozen=True, eq=False)
class Judgements:
    """What a threshold and a band, one or several in turn, made of labelled clips."""

    spoof: Mask
    """(clips,), which of them are synthetic."""
    accused: Mask
    """(clips,), which are on their threshold or above it."""
    conclusive: Mask
    """(clips,), which are outside of their band."""
    log_odds: Scores
    """(clips,), natural log-odds of synthetic speech."""

    @classmethod
    def of(
        cls,
        spoof_probability: Scores,
        log_odds: Scores,
        spoof: Mask,
        threshold: float,
        low: float,
        high: float,
    ) -> "Judgements":
        """Judge clips (clips,) by one threshold and one band."""
        conclusive = (spoof_probability <= low) | (spoof_probability >= high)
        return cls(spoof, spoof_probability >= threshold, conclusive, log_odds)

    @classmethod
    def joined(cls, parts: Sequence["Judgements"]) -> "Judgements":
        """The clips of all parts."""
        return cls(
            spoof=np.concatenate([part.spoof for part in parts]),
            accused=np.concatenate([part.accused for part in parts]),
            conclusive=np.concatenate([part.conclusive for part in parts]),
            log_odds=np.concatenate([part.log_odds for part in parts]),
        )


def decision_measured_by(
    judgements: Judgements, threshold: float, low: float, high: float, prior: float, data: str
) -> Decision:
    """A threshold and a band with the errors that were made in `judgements`.

    The arguments are those of `measure_decision`.

    Raises:
        DatasetError: every clip is inconclusive.
    """
    spoof, accused, conclusive = judgements.spoof, judgements.accused, judgements.conclusive
    if not conclusive.any():
        raise DatasetError(f"every clip is between {low} and {high}; take a narrower band")
    false_positive = Share.of(accused[~spoof])
    miss = Share.of(~accused[spoof])
    wrong = Share.of((accused != spoof)[conclusive])
    ratios = judgements.log_odds - math.log(prior / (1 - prior))
    return Decision(
        threshold=threshold,
        inconclusive_low=low,
        inconclusive_high=high,
        spoof_prior=prior,
        data=data,
        real_clips=int((~spoof).sum()),
        spoof_clips=int(spoof.sum()),
        false_positive_rate=false_positive.rate,
        false_positive_rate_low=false_positive.low,
        false_positive_rate_high=false_positive.high,
        miss_rate=miss.rate,
        miss_rate_low=miss.low,
        miss_rate_high=miss.high,
        error_rate_outside=wrong.rate,
        error_rate_outside_low=wrong.low,
        error_rate_outside_high=wrong.high,
        inconclusive_rate=float((~conclusive).mean()),
        cllr=float(cllr(~spoof, -ratios)),
    )


@dataclass(frozen=True)
class Share:
    """A share of clips, 0 to 1, and its 95 % interval."""

    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, clips: Mask) -> "Share":
        """How many of the clips (clips,) are true."""
        return cls(float(clips.mean()), *wilson_interval(int(clips.sum()), len(clips)))


def to_log_odds(probabilities: Scores) -> Scores:
    """Natural log-odds (clips,), as far from 0 as float32's probabilities can tell: 17 at most."""
    inside = np.clip(probabilities.astype(np.float64), RESOLUTION, 1 - RESOLUTION)
    log_odds: Scores = np.log(inside) - np.log1p(-inside)
    return log_odds


def to_probabilities(log_odds: Scores) -> Scores:
    """Probabilities (clips,) of natural log-odds, exact to the last digits of small ones too."""
    probabilities: Scores = np.exp(-np.logaddexp(0, -log_odds))
    return probabilities


def most(clips: int, share: float) -> int:
    """The most clips that are at most that share of them."""
    return int(np.searchsorted(np.arange(clips + 1) / clips, share, side="right")) - 1


def clips_needed(rate: float) -> int:
    """How many clips of a class, none of them wrong, show with 95 % confidence that `rate` holds.

    With fewer, not even a perfect result would. At 1 % they are 299: the rule of three (Hanley and
    Lippman-Hand, 1983) without its approximation.
    """
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-rate))


def check_support(clips: int, rate: float, kind: str) -> None:
    """Refuse to aim at a rate that so many clips can't show; raises DatasetError."""
    needed = clips_needed(rate)
    if clips < needed:
        raise DatasetError(
            f"{clips} {kind} clips can't show an error rate of {rate:.2%}; "
            f"give at least {needed}, or allow a higher rate"
        )


def check_probabilities(probabilities: Scores) -> None:
    """Refuse what is no probability; raises DatasetError."""
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DatasetError("a spoof probability is not within 0 to 1; give probabilities")


def check_share(share: float, name: str) -> None:
    """Refuse a setting that is not strictly between 0 and 1; raises ValueError."""
    if not 0 < share < 1:
        raise ValueError(f"{name} is {share}; give a number between 0 and 1")
