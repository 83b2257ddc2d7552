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
