"""Figures against values worked out by hand."""

import numpy as np
import pytest

from edge_train.metrics import measure


def test_figures_of_three_labels() -> None:
    truth = np.array(list("aaaabbbccc"))
    predicted = "aaabbbaccb"
    probabilities = np.array([[0.8 if p == label else 0.1 for label in "abc"] for p in predicted])
    figures = measure(truth, probabilities, ("a", "b", "c"))
    assert figures.confusion == ((3, 1, 0), (1, 2, 0), (0, 1, 2))
    assert figures.accuracy == pytest.approx(0.7)
    a, b, c = figures.classes.values()
    assert (a.precision, a.recall, a.f1, a.support) == pytest.approx((0.75, 0.75, 0.75, 4))
    assert (b.precision, b.recall, b.f1, b.support) == pytest.approx((0.5, 2 / 3, 4 / 7, 3))
    assert (c.precision, c.recall, c.f1, c.support) == pytest.approx((1, 2 / 3, 0.8, 3))
    assert figures.macro.f1 == pytest.approx((0.75 + 4 / 7 + 0.8) / 3)
    assert figures.weighted.f1 == pytest.approx((4 * 0.75 + 3 * 4 / 7 + 3 * 0.8) / 10)
    assert figures.macro.support == figures.weighted.support == 10
    assert figures.eer is None
    assert figures.auc is None


def test_labels_that_sound_like_figures() -> None:
    labels = ("accuracy", "macro avg")
    figures = measure(np.array(["accuracy", "macro avg"]), np.eye(2), labels)
    assert list(figures.classes) == ["accuracy", "macro avg"]
    assert (figures.accuracy, figures.macro.f1, figures.eer, figures.auc) == (1, 1, 0, 1)


def test_a_label_that_is_never_predicted_has_no_precision() -> None:
    figures = measure(np.array(["a", "b"]), np.array([[0.9, 0.1], [0.8, 0.2]]), ("a", "b"))
    assert figures.classes["b"].precision == 0
