"""Calibration, threshold and band: by hand, and where the right answer is known."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from edge_detect.calibration import (
    Calibration,
    choose_band,
    choose_threshold,
    clips_needed,
    fit_calibration,
    measure_decision,
    most,
)
from edge_detect.detection import verdict_of
from edge_detect.errors import DatasetError
from edge_detect.rates import Mask, Scores, wilson_interval
from tests.runtime.conftest import DECISION

HUNDRED = np.arange(100) / 100


def clips(real: Scores | list[float], spoof: Scores | list[float]) -> tuple[Scores, Mask]:
    """Scores of real clips and then synthetic ones, and which are synthetic."""
    scores = np.concatenate((real, spoof)).astype(np.float64)
    return scores, np.arange(len(scores)) >= len(real)


@pytest.mark.parametrize(
    ("prior", "at_0", "at_1"),
    [
        # Targets 1/6 and 5/6. Of equal weight: (3/6 + 5/6) / 4 = 1/3 at 0, and 2/3 at 1.
        (0.5, 1 / 2, 2 / 1),
        # Synthetic clips weigh 1/5 each, real ones 1/20: 23/42 at 0, 61/78 at 1.
        (0.8, 23 / 19, 61 / 17),
    ],
)
def test_a_line_through_two_points(prior: float, at_0: float, at_1: float) -> None:
    scores, spoof = clips([0, 0, 0, 1], [0, 1, 1, 1])
    calibrated = fit_calibration(scores, spoof, prior).apply(np.array([0.0, 1.0]))
    np.testing.assert_allclose(calibrated, np.log([at_0, at_1]), rtol=1e-9)


def gaussian(mean: float, deviation: float, count: int) -> Scores:
    """Scores at the middles of equal shares of a normal distribution."""
    distribution = NormalDist(mean, deviation)
    return np.array([distribution.inv_cdf((i + 0.5) / count) for i in range(count)])


@pytest.mark.parametrize("prior", [0.05, 0.5])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (50.0, -300.0), (1e-3, 7.0)])
def test_where_the_line_is_known(prior: float, scale: float, offset: float) -> None:
    # Of two normal distributions of one deviation, the log-likelihood ratio is a line: with means
    # 0 and 2 and deviation 1, 2 x - 2. The classes' sizes have no part in it.
    scores, spoof = clips(gaussian(0, 1, 8000), gaussian(2, 1, 2000))
    calibration = fit_calibration(scale * scores + offset, spoof, prior)
    slope = calibration.slope * scale
    assert slope == pytest.approx(2, abs=0.02)
    intercept = calibration.intercept + calibration.slope * offset
    assert intercept == pytest.approx(math.log(prior / (1 - prior)) - 2, abs=0.03)


def test_what_is_calibrated_stays_as_it_is() -> None:
    scores, spoof = clips(gaussian(0, 1, 2000), gaussian(2, 1, 2000))
    once = fit_calibration(scores, spoof, 0.5).apply(scores)
    again = fit_calibration(once, spoof, 0.5)
    assert (again.slope, again.intercept) == pytest.approx((1, 0), abs=1e-6)


def test_clips_of_which_none_is_on_the_wrong_side() -> None:
    # Targets 1/12 and 11/12, which the line meets exactly.
    calibration = fit_calibration(*clips([-1] * 10, [1] * 10), 0.5)
    assert calibration.slope == pytest.approx(math.log(11))
    assert calibration.intercept == pytest.approx(0, abs=1e-12)
    far = fit_calibration(*clips([-2e5, *HUNDRED], [*(HUNDRED + 2), 1e6]), 0.5)
    assert 0 < far.slope < 10


@pytest.mark.parametrize(
    ("real", "spoof", "message"),
    [
        ([1.0, 2.0], [-1.0, 0.0], "don't rise"),
        ([0.0, 1.0], [0.0, 1.0], "don't rise"),
        ([3.0, 3.0], [3.0], "same score"),
        ([1.0], [], "no synthetic clip"),
        ([], [1.0], "no real clip"),
        ([0.0, math.inf], [1.0], "not a finite number"),
        ([0.0, math.nan], [1.0], "not a finite number"),
    ],
)
def test_scores_that_can_not_be_calibrated(
    real: list[float], spoof: list[float], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        fit_calibration(*clips(real, spoof), 0.5)


@pytest.mark.parametrize("share", [-0.1, 0, 1, math.nan])
def test_settings_that_are_no_share(share: float) -> None:
    scores, spoof = clips(HUNDRED, HUNDRED)
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_calibration(scores, spoof, share)
    with pytest.raises(ValueError, match="between 0 and 1"):
        choose_threshold(HUNDRED, share)
    with pytest.raises(ValueError, match="between 0 and 1"):
        choose_band(scores, spoof, 0.5, share)
    with pytest.raises(ValueError, match="between 0 and 1"):
        measure_decision(scores, spoof, 0.5, 0.5, 0.5, share, "clips")


@pytest.mark.parametrize(
    ("count", "share", "number"),
    [(100, 0.05, 5), (100, 0.29, 29), (100, 0.07, 7), (100, 0.0699, 6), (99, 0.01, 0), (3, 0.5, 1)],
)
def test_at_most_a_share(count: int, share: float, number: int) -> None:
    assert most(count, share) == number


@pytest.mark.parametrize(("rate", "number"), [(0.5, 5), (0.1, 29), (0.05, 59), (0.01, 299)])
def test_how_many_clips_show_a_rate(rate: float, number: int) -> None:
    # Of so many, none is wrong in less than 1 of 20 cases if the rate is worse.
    assert clips_needed(rate) == number
    assert (1 - rate) ** number <= 0.05 < (1 - rate) ** (number - 1)


@pytest.mark.parametrize(
    ("probabilities", "wanted", "above", "share"),
    [
        (HUNDRED, 0.05, 0.94, 0.05),
        (HUNDRED, 0.0599, 0.94, 0.05),
        (HUNDRED, 0.06, 0.93, 0.06),
        (np.minimum(HUNDRED, 0.95), 0.05, 0.94, 0.05),
        # Six clips share the highest probability: they are accused together or not at all.
        (np.minimum(HUNDRED, 0.94), 0.05, 0.94, 0.0),
        (np.full(100, 0.5), 0.3, 0.5, 0.0),
        (np.zeros(100), 0.05, 0.0, 0.0),
        (np.where(HUNDRED < 0.95, 0.3, 1.0), 0.05, 0.3, 0.05),
    ],
)
def test_a_threshold(probabilities: Scores, wanted: float, above: float, share: float) -> None:
    rng = np.random.default_rng(0)
    threshold = choose_threshold(rng.permutation(probabilities), wanted)
    assert threshold == math.nextafter(above, 1)
    assert (probabilities >= threshold).mean() == share <= wanted
    assert (probabilities >= above).mean() > wanted  # so no smaller one would do


@pytest.mark.parametrize(
    ("probabilities", "wanted", "message"),
    [
        (HUNDRED[:58], 0.05, "58 real clips can't show an error rate of 5.00%; give at least 59"),
        (HUNDRED, 0.01, "give at least 299"),
        (np.array([]), 0.5, "0 real clips"),
        (np.where(HUNDRED < 0.9, 0.3, 1.0), 0.05, "have a spoof probability of 1"),
        (HUNDRED * 2, 0.05, "not within 0 to 1"),
        (HUNDRED * math.nan, 0.05, "not within 0 to 1"),
    ],
)
def test_no_threshold(probabilities: Scores, wanted: float, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        choose_threshold(probabilities, wanted)


@pytest.mark.parametrize(
    ("real", "spoof", "threshold", "low", "high"),
    [
        # 5 of 100 may be wrong at either end: real ones from 0.55 on, synthetic ones up to 0.44.
        (HUNDRED * 0.6, 1 - HUNDRED * 0.6, 0.5, 1 - 0.94 * 0.6, 0.94 * 0.6),
        # Real clips are right at the threshold already, or synthetic ones, or both.
        (HUNDRED * 0.5, 1 - HUNDRED * 0.6, 0.5, 1 - 0.94 * 0.6, None),
        (HUNDRED * 0.6, 0.5 + HUNDRED * 0.5, 0.5, None, 0.94 * 0.6),
        (HUNDRED * 0.5, 0.5 + HUNDRED * 0.5, 0.5, None, None),
        (HUNDRED * 0.4, np.maximum(HUNDRED, 0.5), 0.5, None, None),
        # A threshold that accuses no real clip and lets synthetic ones pass.
        (HUNDRED * 0.6, 1 - HUNDRED * 0.6, 0.9, 1 - 0.94 * 0.6, None),
    ],
)
def test_a_band(
    real: Scores, spoof: Scores, threshold: float, low: float | None, high: float | None
) -> None:
    probabilities, synthetic = clips(real, spoof)
    found = choose_band(probabilities, synthetic, threshold, 0.05)
    next_below = threshold if high is None else math.nextafter(threshold, 0)
    assert found == (
        next_below if low is None else math.nextafter(low, 0),
        threshold if high is None else math.nextafter(high, 1),
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("digits", [1, 2, 6])
def test_outside_of_a_band_few_are_wrong(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, spoof = clips(
        np.round(rng.beta(2, 3, 150), digits), np.round(rng.beta(3, 2, 80), digits)
    )
    threshold = 0.1 * rng.integers(2, 9)
    low, high = choose_band(probabilities, spoof, threshold, 0.05)
    assert low <= threshold <= high

    def wrong(low: float, high: float) -> tuple[float, float]:
        decision = replace(
            DECISION, inconclusive_low=low, threshold=threshold, inconclusive_high=high
        )
        verdicts = np.array([verdict_of(p, decision) for p in probabilities])
        return (verdicts[~spoof] == "spoof").mean(), (verdicts[spoof] == "bonafide").mean()

    assert max(wrong(low, high)) <= 0.05
    if high > threshold:
        assert wrong(low, math.nextafter(high, 0))[0] > 0.05
    if (probabilities[spoof] < threshold).mean() > 0.05:
        assert wrong(math.nextafter(low, 1), high)[1] > 0.05


@pytest.mark.parametrize(
    ("real", "spoof", "message"),
    [
        (HUNDRED, HUNDRED[:58], "58 synthetic clips can't show"),
        (HUNDRED[:58], HUNDRED, "58 real clips can't show"),
        (HUNDRED, np.where(HUNDRED < 0.1, 0, 0.9), "have a spoof probability of 0"),
        (np.where(HUNDRED < 0.9, 0.1, 1.0), HUNDRED, "have a spoof probability of 1"),
        (HUNDRED, -HUNDRED, "not within 0 to 1"),
    ],
)
def test_no_band(real: Scores, spoof: Scores, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        choose_band(*clips(real, spoof), 0.5, 0.05)


def test_a_decision_by_hand() -> None:
    probabilities, spoof = clips([0.1, 0.2, 0.6, 0.9], [0.3, 0.7, 0.8, 0.95])
    decision = measure_decision(probabilities, spoof, 0.5, 0.25, 0.75, 0.5, "eight clips")
    assert (decision.threshold, decision.spoof_prior, decision.data) == (0.5, 0.5, "eight clips")
    assert (decision.inconclusive_low, decision.inconclusive_high) == (0.25, 0.75)
    assert (decision.real_clips, decision.spoof_clips) == (4, 4)
    assert (decision.false_positive_rate, decision.miss_rate) == (2 / 4, 1 / 4)
    # Conclusive are 0.1, 0.2, 0.8, 0.9 and 0.95, and 0.9 is wrong.
    assert (decision.error_rate_outside, decision.inconclusive_rate) == (1 / 5, 3 / 8)
    assert (decision.false_positive_rate_low, decision.false_positive_rate_high) == wilson_interval(
        2, 4
    )
    assert (decision.miss_rate_low, decision.miss_rate_high) == wilson_interval(1, 4)
    assert (decision.error_rate_outside_low, decision.error_rate_outside_high) == wilson_interval(
        1, 5
    )
    # Where the prior is 1/2, the loss of a clip is the bits of its own class's probability.
    right = [0.9, 0.8, 0.4, 0.1, 0.3, 0.7, 0.8, 0.95]
    assert decision.cllr == pytest.approx(-sum(math.log2(p) for p in right) / 8)


def test_saying_nothing_costs_one_bit_whatever_the_prior() -> None:
    probabilities, spoof = clips([0.2] * 5, [0.2] * 3)
    assert measure_decision(probabilities, spoof, 0.5, 0.5, 0.5, 0.2, "x").cllr == pytest.approx(1)


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.3, 0.7), (0.5, 0.7), (0.3, 0.5)])
def test_measured_is_what_verdicts_do(low: float, high: float) -> None:
    rng = np.random.default_rng(1)
    probabilities, spoof = clips(np.round(rng.random(80), 1), np.round(rng.random(40), 1))
    decision = measure_decision(probabilities, spoof, 0.5, low, high, 0.5, "x")
    verdicts = np.array([verdict_of(p, decision) for p in probabilities])
    right = np.where(spoof, "spoof", "bonafide")
    conclusive = verdicts != "inconclusive"
    assert decision.inconclusive_rate == (~conclusive).mean()
    assert decision.error_rate_outside == (verdicts != right)[conclusive].mean()


def test_certain_and_wrong_is_dear_and_finite() -> None:
    probabilities, spoof = clips([0.0, 1.0], [1.0, 0.0])
    decision = measure_decision(probabilities, spoof, 0.5, 0.5, 0.5, 0.5, "x")
    assert decision.cllr == pytest.approx(25 / 2, rel=1e-6)
    assert (decision.false_positive_rate, decision.miss_rate) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("real", "spoof", "message"),
    [
        ([0.4], [0.6], "every clip is between 0.3 and 0.7"),
        ([], [0.6], "no real clip"),
        ([0.2], [1.2], "not within 0 to 1"),
    ],
)
def test_what_can_not_be_measured(real: list[float], spoof: list[float], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        measure_decision(*clips(real, spoof), 0.5, 0.3, 0.7, 0.5, "x")


def test_a_calibration_is_a_line() -> None:
    np.testing.assert_array_equal(Calibration(2, -1).apply(np.array([0.0, 3.0])), [-1, 5])
