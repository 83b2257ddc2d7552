"""Figures against values worked out by hand."""

import math

import numpy as np
import pytest

from edge_detect.errors import DatasetError
from edge_detect.rates import (
    DcfSetting,
    Mask,
    Scores,
    cllr,
    det_curve,
    equal_error_rate,
    error_rates,
    min_dcf,
    roc_auc,
    wilson_interval,
)

# Scores of real clips, scores of synthetic ones, EER, its threshold, AUC, minDCF.
CASES = {
    "perfect": ([0.9, 0.8], [0.2, 0.1], 0.0, 0.5, 1.0, 0.0),
    # Nothing accused: every synthetic clip passes, the best constant verdict.
    "reversed": ([0.1, 0.2], [0.8, 0.9], 1.0, 0.5, 0.0, 1.0),
    # At 0.75 one real clip of three is accused and no synthetic one passes; AUC: 8 pairs of 9.
    "one wrong": ([0.9, 0.8, 0.3], [0.7, 0.2, 0.1], 1 / 3, 0.5, 8 / 9, 1 / 3),
    "all equal": ([0.5, 0.5], [0.5, 0.5], 0.5, 0.5, 0.5, 1.0),
    "one clip each": ([1.0], [0.0], 0.0, 0.5, 1.0, 0.0),
    "one clip each, reversed": ([0.0], [1.0], 1.0, 0.5, 0.0, 1.0),
    "one clip each, equal": ([3.0], [3.0], 0.5, 3.0, 0.5, 1.0),
    # (false positives, misses) go (0, 1), (0, 1/2), (2/3, 0), (1, 0): equal 3/7 of the way between
    # the second and the third, which is the two ties at 0.5. AUC: 2 + 3/2 + 3/2 of 6.
    "ties": ([0.9, 0.5, 0.5], [0.5, 0.1], 2 / 7, 0.5, 5 / 6, 0.5),
    # (0, 1), (0, 1/2), (1/2, 1/2), (1/2, 0), (1, 0): equal wherever 0.4 is accused and 0.6 is not.
    "alternating": ([0.8, 0.4], [0.6, 0.2], 0.5, 0.5, 0.75, 0.5),
    # (0, 1), (0, 2/3), (0, 1/3), (1, 1/3), (1, 0): equal at 1/3 on the only real clip.
    "between": ([0.5], [0.9, 0.2, 0.1], 1 / 3, 0.5, 2 / 3, 1 / 3),
}


def joined(real: list[float], spoof: list[float]) -> tuple[Mask, Scores]:
    """Which clips are real, and the scores."""
    return np.repeat([True, False], [len(real), len(spoof)]), np.array(real + spoof)


@pytest.mark.parametrize(
    ("real", "spoof", "eer", "threshold", "auc", "dcf"), CASES.values(), ids=CASES
)
def test_figures(
    real: list[float], spoof: list[float], eer: float, threshold: float, auc: float, dcf: float
) -> None:
    bonafide, scores = joined(real, spoof)
    found = equal_error_rate(bonafide, scores)
    assert (found.rate, found.threshold) == pytest.approx((eer, threshold))
    assert roc_auc(bonafide, scores) == pytest.approx(auc)
    assert min_dcf(bonafide, scores) == pytest.approx(dcf)


@pytest.mark.parametrize(("real", "spoof"), [case[:2] for case in CASES.values()], ids=CASES)
def test_neither_order_nor_the_name_of_a_class_matters(
    real: list[float], spoof: list[float]
) -> None:
    bonafide, scores = joined(real, spoof)
    mixed = np.random.default_rng(1).permutation(len(scores))
    assert equal_error_rate(bonafide[mixed], scores[mixed]) == equal_error_rate(bonafide, scores)
    rate = equal_error_rate(bonafide, scores).rate
    assert equal_error_rate(~bonafide, 1 - scores).rate == pytest.approx(rate)
    assert roc_auc(~bonafide, 1 - scores) == pytest.approx(roc_auc(bonafide, scores))


def test_the_auc_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(2)
    real, spoof = rng.integers(3, 12, 70), rng.integers(0, 10, 50)
    wins = (real[:, np.newaxis] > spoof).mean() + (real[:, np.newaxis] == spoof).mean() / 2
    assert roc_auc(*joined([*real], [*spoof])) == pytest.approx(wins)


def test_the_curve_has_a_point_at_every_score() -> None:
    curve = det_curve(*joined([0.9, 0.5, 0.5], [0.5, 0.1]))
    assert curve.thresholds.tolist() == [-math.inf, 0.1, 0.5, 0.9]
    assert curve.false_positives == pytest.approx(np.array([0, 0, 2 / 3, 1]))
    assert curve.misses == pytest.approx(np.array([1, 0.5, 0, 0]))


def test_weights_count_a_clip_as_often() -> None:
    bonafide, scores = joined([0.9, 0.5, 0.3], [0.5, 0.1])
    weights = np.array([[1, 2, 0, 1, 1], [1, 1, 1, 1, 1], [0, 3, 1, 2, 2]], float)
    curve = det_curve(bonafide, scores, weights)
    costs = cllr(bonafide, scores, weights)
    for i, weight in enumerate(weights.astype(int)):
        repeated = np.repeat(bonafide, weight), np.repeat(scores, weight)
        assert curve.equal_error_rates()[0][i] == pytest.approx(equal_error_rate(*repeated).rate)
        assert curve.areas()[i] == pytest.approx(roc_auc(*repeated))
        assert curve.min_costs()[i] == pytest.approx(min_dcf(*repeated))
        assert costs[i] == pytest.approx(cllr(*repeated))


def test_min_dcf_of_other_costs() -> None:
    # The point (1/2, 1/2) costs as much as the best constant verdict when both errors cost the
    # same; nothing is better but (1/2, 0) in the second case.
    even = DcfSetting(miss_cost=1, false_alarm_cost=1, spoof_prior=0.5)
    assert min_dcf(*joined([0.8, 0.4], [0.6, 0.2]), even) == pytest.approx(0.5)
    assert min_dcf(*joined([0.8, 0.4], [0.5, 0.5]), even) == pytest.approx(0.5)
    # ASVspoof 5: a rejected real clip costs 0.95, an accepted synthetic one 0.5, over 0.5.
    assert min_dcf(*joined([0.8, 0.4], [0.5, 0.5])) == pytest.approx(0.5 * 0.95 / 0.5)


def test_cllr() -> None:
    assert cllr(*joined([0.0], [0.0])) == pytest.approx(1)
    # A ratio of 3 for the real clip and 1/3 for the synthetic one: log2(1 + 1/3) for both.
    told = joined([math.log(3)], [-math.log(3)])
    assert cllr(*told) == pytest.approx(math.log2(4 / 3))
    # The other way round they mislead: log2(1 + 3).
    assert cllr(*joined([-math.log(3)], [math.log(3)])) == pytest.approx(2)
    # Each class counts the same, however many clips it has.
    assert cllr(*joined([math.log(3)] * 5, [0.0])) == pytest.approx((math.log2(4 / 3) + 1) / 2)
    assert cllr(*joined([2000.0], [-2000.0])) == 0


def test_error_rates_at_a_threshold() -> None:
    bonafide, scores = joined([0.9, 0.5, 0.5, 0.1], [0.5, 0.1, 0.0])
    rates = error_rates(bonafide, scores, 0.5)  # on the threshold is accused
    assert (rates.false_positive, rates.miss) == (3 / 4, 0)
    rates = error_rates(bonafide, scores, 0.4)
    assert (rates.false_positive, rates.miss) == pytest.approx((1 / 4, 1 / 3))


@pytest.mark.parametrize("figure", [equal_error_rate, roc_auc, min_dcf, cllr, det_curve])
def test_what_can_not_be_compared(figure: object) -> None:
    assert callable(figure)
    with pytest.raises(DatasetError, match="no synthetic clip"):
        figure(*joined([0.1], []))
    with pytest.raises(DatasetError, match="no real clip"):
        figure(*joined([], [0.1]))
    with pytest.raises(DatasetError, match="not a finite number"):
        figure(*joined([math.nan], [0.1]))


@pytest.mark.parametrize(
    ("right", "clips", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0000),
    ],
)
def test_wilson(right: int, clips: int, low: float, high: float) -> None:
    assert wilson_interval(right, clips) == pytest.approx((low, high), abs=5e-5)
