"""The three heads: what they are, what they are fitted on, how one is chosen."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from edge_train.heads import Half, choose, converged, fit_heads
from edge_train.metrics import macro_f1, most_probable
from edge_train.split import cross_validation_folds


def blobs(labels: str, count: int = 20, spread: float = 1.0) -> Half:
    """A cloud of 4 dimensions for each label."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (len(labels), 4))
    matrix = np.concatenate([rng.normal(centre, spread, (count, 4)) for centre in centres])
    return Half(matrix.astype(np.float32), np.repeat(list(labels), count))


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_kinds_and_settings(labels: str) -> None:
    train = blobs(labels)
    heads = fit_heads(train, cross_validation_folds(train.truth, None, 3), seed=3)
    assert [head.kind.name for head in heads] == ["lr", "svm", "rf"]
    regression, svm, forest = (head.classifier for head in heads)
    if len(labels) > 2:
        assert isinstance(regression, OneVsRestClassifier)
        regression = regression.estimator
    assert isinstance(regression, LogisticRegression)
    assert regression.max_iter == 1000
    assert isinstance(svm, SVC)
    assert (svm.kernel, svm.probability, svm.random_state) == ("rbf", True, 3)
    assert isinstance(forest, RandomForestClassifier)
    assert (forest.n_estimators, forest.random_state) == (200, 3)
    for head in heads:
        assert head.labels == tuple(labels)
        np.testing.assert_allclose(head.scaler.mean_, train.matrix.mean(axis=0), rtol=1e-5)
        probabilities = head.probabilities(train.matrix)
        assert probabilities.shape == (len(train.truth), len(labels))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_the_cross_validation_sees_no_row_it_was_fitted_on() -> None:
    """Labels by chance: a forest knows its own rows by heart and nothing of the others."""
    rng = np.random.default_rng(1)
    truth = np.array(["a", "b"])[rng.integers(0, 2, 200)]
    train = Half(rng.normal(size=(200, 4)).astype(np.float32), truth)
    forest = fit_heads(train, cross_validation_folds(truth, None, 0), seed=0)[2]
    known = most_probable(forest.probabilities(train.matrix), forest.labels)
    assert macro_f1(truth, known) == 1
    assert forest.macro_f1 < 0.62


def test_the_best_in_cross_validation_is_chosen_and_the_simpler_of_equals() -> None:
    train = blobs("ab")
    heads = fit_heads(train, cross_validation_folds(train.truth, None, 0), seed=0)

    def chosen(*scores: float) -> str:
        pairs = zip(heads, scores, strict=True)
        return choose([replace(head, macro_f1=score) for head, score in pairs]).kind.name

    assert chosen(0.9, 0.9, 0.9) == "lr"
    assert chosen(0.8, 0.9, 0.9) == "svm"
    assert chosen(0.8, 0.85, 0.9) == "rf"


def test_convergence_is_told() -> None:
    train = blobs("abc", spread=3)
    few = OneVsRestClassifier(LogisticRegression()).fit(train.matrix, train.truth)
    assert converged(few)
    few.estimators_[1].n_iter_ = np.array([1000])
    assert not converged(few)
    assert converged(RandomForestClassifier(3).fit(train.matrix, train.truth))
