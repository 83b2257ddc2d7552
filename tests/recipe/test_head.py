"""The recipe's classifier: rows are judged by heads that met neither their engine nor source."""

from dataclasses import replace

import numpy as np
import pytest

import head
from head import Head, Labelled, engine_error_rates, fit_head, joined, left_out_log_odds

SOURCES = ("a", "b", "c", "d", "e")
SPEAKERS = ("speaker", "announcer", "narrator")
PER_ORIGIN = 12


def rows_of(origin: str, source: str, spoof: bool, centre: float, seed: int) -> Labelled:
    rng = np.random.default_rng(seed)
    return Labelled(
        features=(centre + rng.standard_normal((PER_ORIGIN, 3))).astype(np.float32),
        spoof=np.full(PER_ORIGIN, spoof),
        origins=np.full(PER_ORIGIN, origin),
        sources=np.full(PER_ORIGIN, source),
        voices=np.full(PER_ORIGIN, origin),
        paths=np.array([f"{origin}/{source}/{clip}" for clip in range(PER_ORIGIN)]),
    )


@pytest.fixture
def rows() -> Labelled:
    real = [rows_of(source, source, False, -1, seed) for seed, source in enumerate(SOURCES)]
    copies = [rows_of("vocoder", source, True, 1, 10 + i) for i, source in enumerate(SOURCES)]
    spoken = [rows_of(name, "", True, 2, 20 + i) for i, name in enumerate(SPEAKERS)]
    return joined([*real, *copies, *spoken])


@pytest.mark.parametrize(
    ("of", "judged"), [("speaker", "speaker"), ("vocoder", "vocoder"), ("a", "a")]
)
def test_no_row_has_a_say_in_those_of_its_own_origin(rows: Labelled, of: str, judged: str) -> None:
    before = left_out_log_odds(rows, 1e-2)
    disturbed = rows.features.copy()
    own = np.flatnonzero(rows.origins == of)
    disturbed[own[0]] += 100
    after = left_out_log_odds(replace(rows, features=disturbed), 1e-2)
    assert after[own[1:]] == pytest.approx(before[own[1:]], abs=1e-9)
    assert after[rows.origins != judged] != pytest.approx(before[rows.origins != judged], abs=1e-6)


def test_an_original_has_no_say_in_its_copies(rows: Labelled) -> None:
    before = left_out_log_odds(rows, 1e-2)
    disturbed = rows.features.copy()
    disturbed[np.flatnonzero(rows.origins == "a")] += 100
    after = left_out_log_odds(replace(rows, features=disturbed), 1e-2)
    copies = (rows.origins == "vocoder") & (rows.sources == "a")
    assert after[copies] == pytest.approx(before[copies], abs=1e-9)


def test_the_head_tells_what_it_was_left_out_of(rows: Labelled) -> None:
    fitted, left_out = fit_head(rows)
    assert np.isfinite(left_out).all()
    assert ((left_out > 0) == rows.spoof).mean() > 0.9
    assert ((fitted.spoof_log_odds(rows.features) > 0) == rows.spoof).mean() > 0.9


@pytest.mark.parametrize("best", [1e-4, 1e-2])
def test_the_strength_is_that_by_which_engines_that_speak_are_heard_unmet(
    rows: Labelled, monkeypatch: pytest.MonkeyPatch, best: float
) -> None:
    """At every other strength heads tell the one such engine that they have met, and no other."""
    fit = head._fit

    def fit_or_fail(met: Labelled, strength: float) -> Head:
        speaking = set(met.origins) & set(SPEAKERS)
        fitted = fit(met, strength)
        return fitted if strength == best or len(speaking) > 1 else fitted.rescaled(-1.0, 0.0)

    monkeypatch.setattr(head, "_fit", fit_or_fail)
    fitted, left_out = fit_head(rows)
    assert fitted.classifier.get_params()["C"] == best
    assert (left_out == left_out_log_odds(rows, best)).all()


def test_each_engine_is_rated_against_all_real_rows(rows: Labelled) -> None:
    heard = np.isin(rows.origins, SPEAKERS)
    log_odds = np.where(heard, 1.0, np.where(rows.spoof, -1.0, 0.0))
    rates = engine_error_rates(rows.spoof, rows.origins, log_odds)
    assert rates == {"vocoder": 1.0} | dict.fromkeys(SPEAKERS, 0.0)


def moved_rows(moves: str) -> Labelled:
    """Two views of clips by many voices; both features tell synthetic ones alike, and the first
    is moved by each voice, or by each view of a clip."""
    rng = np.random.default_rng(5)
    voices = np.repeat([f"voice {number}" for number in range(40)], 10)
    spoof = np.repeat(np.arange(40) % 2 == 1, 10)
    each_voice = np.repeat(rng.normal(0, 1, 40), 10)
    features = np.where(spoof, 1, -1)[:, np.newaxis] + rng.normal(0, 1, (400, 2))
    views = []
    for _ in range(2):
        shifts = each_voice if moves == "voice" else rng.normal(0, 1, 400)
        heard = (features + np.stack([shifts, np.zeros(400)], axis=1)).astype(np.float32)
        paths = np.array([f"{number}" for number in range(400)])
        views.append(Labelled(heard, spoof, voices, np.where(spoof, "", voices), voices, paths))
    return joined(views)


@pytest.mark.parametrize("moves", ["voice", "channel"])
def test_a_head_leans_less_on_what_voices_and_channels_move(
    moves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = moved_rows(moves)

    def share() -> float:
        """Of the first feature in what a step of one deviation changes."""
        moved, still = np.abs(head._fit(rows, 1e-3).classifier.coef_[0])
        return float(moved / still)

    kept_from = share()
    monkeypatch.setattr(head, "_VOICES_WEIGHT", 0.0)
    monkeypatch.setattr(head, "_CHANNELS_WEIGHT", 0.0)
    assert kept_from < 0.8 * share()


def test_a_narrowed_head_still_scores_the_features_themselves() -> None:
    """Its weights are those of plain features: nothing but scaler and classifier is needed."""
    rows = moved_rows("voice")
    fitted = head._fit(rows, 1e-3)
    features = fitted.scaler.transform(rows.features)
    narrowing = head._narrowing(rows, features)
    assert narrowing == pytest.approx(narrowing.T)
    clips = np.unique(rows.paths, return_inverse=True)[1]
    means = np.stack([features[clips == clip].mean(axis=0) for clip in range(400)])
    real = ~rows.spoof
    voices = [features[real & (rows.voices == v)].mean(axis=0) for v in set(rows.voices[real])]
    scatter = 3 * np.cov(np.stack(voices).T, bias=True) + 4 * np.cov(
        (features - means[clips]).T, bias=True
    )
    assert narrowing @ (np.eye(2) + scatter) @ narrowing == pytest.approx(np.eye(2), abs=1e-6)
    log_odds = features @ fitted.classifier.coef_[0] + fitted.classifier.intercept_
    assert fitted.spoof_log_odds(rows.features) == pytest.approx(log_odds)
