"""Figures of scored clips, and their intervals."""

from dataclasses import replace

import numpy as np
import pytest

from edge_detect.errors import DatasetError
from edge_detect.evaluation import (
    Operation,
    ScoredClips,
    count_flips,
    evaluate_scores,
    log_odds,
    shipped_operation,
    shipped_threshold,
)
from edge_detect.manifest import read_manifest
from edge_detect.rates import cllr, equal_error_rate, min_dcf, roc_auc
from edge_detect.resampling import DrawnBy
from tests.runtime.conftest import DECISION


def scored(
    scores: list[float],
    bonafide: list[bool],
    origins: list[str] | None = None,
    languages: list[str] | None = None,
    speakers: list[str] | None = None,
    source_clips: list[str] | None = None,
) -> ScoredClips:
    """Clips c0, c1, … of which little is known."""
    blank = [""] * len(scores)
    return ScoredClips(
        names=np.array([f"c{i}" for i in range(len(scores))]),
        scores=np.array(scores, float),
        bonafide=np.array(bonafide),
        origins=np.array(origins or blank),
        languages=np.array(languages or blank),
        speakers=np.array(speakers or blank),
        source_clips=np.array(source_clips or blank),
    )


# Real: 2 and 1 of source A, -1 of B. Synthetic: -2 and -3 of engine X, 1.5 of Y.
SIX = scored(
    [2, 1, -1, -2, -3, 1.5],
    [True] * 3 + [False] * 3,
    ["A", "A", "B", "X", "X", "Y"],
    ["en", "en", "fr", "en", "ja", "ja"],
)


def value(estimate: object) -> float | None:
    return getattr(estimate, "value", None)


def test_pooled() -> None:
    pooled = evaluate_scores(SIX).pooled
    assert (pooled.real_clips, pooled.spoof_clips) == (3, 3)
    rates = pooled.rates
    # One of three on either side of 0 is wrong. Of 9 pairs, 2 wins three, 1 and -1 two each.
    assert value(rates.false_positive_rate) == value(rates.miss_rate) == pytest.approx(1 / 3)
    assert value(rates.auc) == pytest.approx(7 / 9)
    assert value(rates.eer) == pytest.approx(1 / 3)
    assert pooled.eer_threshold == pytest.approx(0)
    assert value(rates.min_dcf) == pytest.approx(min_dcf(SIX.bonafide, SIX.scores))
    assert value(rates.cllr) == pytest.approx(float(cllr(SIX.bonafide, SIX.scores)))


def test_engines_meet_all_real_clips_and_sources_all_synthetic_ones() -> None:
    evaluation = evaluate_scores(SIX)
    engines, sources = evaluation.engines, evaluation.sources
    assert list(engines) == ["X", "Y"]
    assert list(sources) == ["A", "B"]
    assert [(f.real_clips, f.spoof_clips) for f in engines.values()] == [(3, 2), (3, 1)]
    assert [value(f.rates.auc) for f in engines.values()] == pytest.approx([1, 1 / 3])
    assert [value(f.rates.miss_rate) for f in engines.values()] == [0, 1]
    assert [(f.real_clips, f.spoof_clips) for f in sources.values()] == [(2, 3), (1, 3)]
    assert [value(f.rates.false_positive_rate) for f in sources.values()] == [0, 1]


def test_the_mean_counts_each_engine_the_same() -> None:
    mean = evaluate_scores(SIX).mean_over_engines
    assert mean is not None
    assert value(mean.auc) == pytest.approx((1 + 1 / 3) / 2)
    assert value(mean.miss_rate) == pytest.approx(1 / 2)
    assert value(mean.false_positive_rate) == pytest.approx(1 / 3)
    nameless = replace(SIX, origins=np.full(6, ""))
    assert evaluate_scores(nameless).mean_over_engines is None


def test_a_language_may_have_one_class() -> None:
    languages = evaluate_scores(SIX).languages
    assert list(languages) == ["en", "fr", "ja"]
    assert value(languages["en"].rates.auc) == 1
    french = languages["fr"]
    assert (french.real_clips, french.spoof_clips) == (1, 0)
    assert value(french.rates.false_positive_rate) == 1
    assert (french.rates.miss_rate, french.rates.eer, french.eer_threshold) == (None, None, None)
    assert french.spoof_drawn is None
    assert value(languages["ja"].rates.miss_rate) == 0.5
    assert languages["ja"].rates.false_positive_rate is None


def test_the_threshold_and_the_prior_are_the_models() -> None:
    rates = evaluate_scores(SIX, Operation(threshold=1.0, prior_log_odds=0.7)).pooled.rates
    assert value(rates.false_positive_rate) == pytest.approx(2 / 3)  # on it is accused
    assert value(rates.miss_rate) == pytest.approx(1 / 3)
    assert value(rates.cllr) == pytest.approx(float(cllr(SIX.bonafide, SIX.scores - 0.7)))
    assert value(rates.eer) == pytest.approx(1 / 3)


def test_the_interval_of_clips_is_the_one_of_theory() -> None:
    real = [i - 2.5 for i in range(10)] * 40  # 3 of 10 are accused
    clips = scored(real + [-1.0] * 400, [True] * 400 + [False] * 400)
    pooled = evaluate_scores(clips).pooled
    assert pooled.real_drawn == pooled.spoof_drawn == DrawnBy("clips", 400)
    rate = pooled.rates.false_positive_rate
    assert rate is not None
    half = 1.96 * np.sqrt(0.3 * 0.7 / 400)
    expected = (0.3, 0.3 - half, 0.3 + half)
    assert (rate.value, rate.low, rate.high) == pytest.approx(expected, abs=0.006)


def test_the_interval_of_groups_is_wider_where_their_clips_are_alike() -> None:
    speakers = [f"s{i // 40}" for i in range(400)]
    real = [1.0 if i // 40 < 7 else -1.0 for i in range(400)]  # 3 of 10 speakers are accused
    spoof = np.random.default_rng(1).normal(-1, 1, 400).tolist()
    one_by_one = scored(real + spoof, [True] * 400 + [False] * 400)
    grouped = replace(one_by_one, speakers=np.array(speakers + [""] * 400))
    widths = []
    for clips in (one_by_one, grouped):
        rate = evaluate_scores(clips).pooled.rates.false_positive_rate
        assert rate is not None
        assert rate.value == pytest.approx(0.3)
        assert rate.low < rate.value < rate.high
        widths.append(rate.high - rate.low)
    assert widths[1] == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 10), abs=0.06)
    assert widths[1] > 5 * widths[0]
    assert evaluate_scores(grouped).pooled.real_drawn == DrawnBy("groups", 10)


def test_intervals_hold_their_figures_and_a_seed_fixes_them() -> None:
    rng = np.random.default_rng(3)
    bonafide = rng.random(200) < 0.5
    origins = np.where(bonafide, rng.choice(["A", "B", "C"], 200), rng.choice(["X", "Y"], 200))
    clips = scored(rng.normal(bonafide, 1).tolist(), bonafide.tolist(), origins.tolist())
    first, again, other = (evaluate_scores(clips, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.pooled != other.pooled
    for figures in (first.pooled, *first.engines.values(), *first.sources.values()):
        for name, estimate in vars(figures.rates).items():
            assert estimate.low <= estimate.value <= estimate.high, name


def test_copies_are_drawn_with_the_speaker_of_their_original() -> None:
    clips = scored(
        [2, 1, -1, -2],
        [True, True, False, False],
        ["A", "A", "world", "world"],
        speakers=["ann", "bob", "", ""],
        source_clips=["", "", "c0", "c1"],
    )
    [weights] = clips.units().weights(0, 200)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert np.array_equal(weights[:, 1], weights[:, 3])
    assert (weights[:, 0] + weights[:, 1] == 2).all()


def test_speakers_of_two_sources_with_one_name_are_two() -> None:
    clips = scored([2, 1, -1, -2], [True, True, False, False], ["A", "B", "X", "Y"],
                   speakers=["1", "1", "", ""])  # fmt: skip
    assert clips.units().drawn_by(clips.bonafide) == DrawnBy("groups", 2)


def test_flips() -> None:
    after = replace(SIX, scores=np.array([2, -0.5, -1, 0.5, -3, 1.5]))
    flips = count_flips(SIX, after)
    assert (flips.clips, flips.flips, flips.rate.value) == (6, 2, pytest.approx(1 / 3))
    assert flips.rate.low <= 1 / 3 <= flips.rate.high
    shorter = after.select(np.array([True, True, False, False, False, True]))
    assert count_flips(SIX, shorter).flips == 1
    assert count_flips(SIX, SIX).rate.high == 0
    assert count_flips(SIX, after, Operation(threshold=-2.5)).flips == 0
    with pytest.raises(DatasetError, match="no two verdicts on the same clips"):
        count_flips(shorter, SIX)


def test_what_can_not_be_evaluated() -> None:
    with pytest.raises(DatasetError, match="no synthetic clip"):
        evaluate_scores(scored([1.0, 2.0], [True, True]))
    with pytest.raises(DatasetError, match="not a finite number"):
        evaluate_scores(scored([np.nan, 2.0], [True, False]))


def test_log_odds() -> None:
    assert log_odds(0.5, 0.5) == 0
    assert log_odds(0.75, 0.25) == pytest.approx(np.log(3))
    assert log_odds(1.0, 0.0) == -log_odds(0.0, 1.0) == pytest.approx(87.3, abs=0.1)


def test_the_shipped_threshold(tiny: object) -> None:
    manifest = replace(read_manifest(tiny), decision=None)  # type: ignore[arg-type]
    assert shipped_threshold(manifest) == 0.5
    assert shipped_operation(manifest) == Operation(0.0, 0.0)
    decision = replace(DECISION, threshold=0.8, spoof_prior=0.25)
    decided = replace(manifest, decision=decision)
    assert shipped_threshold(decided) == 0.8
    operation = shipped_operation(decided)
    assert operation.threshold == pytest.approx(np.log(0.2 / 0.8))
    assert operation.prior_log_odds == pytest.approx(np.log(3))


def test_the_pooled_figures_are_those_of_rates() -> None:
    rng = np.random.default_rng(4)
    bonafide = rng.random(300) < 0.4
    scores = rng.integers(-5, 6, 300) + bonafide
    pooled = evaluate_scores(scored(scores.tolist(), bonafide.tolist())).pooled
    expected = equal_error_rate(bonafide, scores.astype(float))
    assert value(pooled.rates.eer) == pytest.approx(expected.rate)
    assert pooled.eer_threshold == pytest.approx(expected.threshold)
    assert value(pooled.rates.auc) == pytest.approx(roc_auc(bonafide, scores.astype(float)))
