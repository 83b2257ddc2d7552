"""The three heads: fitted on the training rows, compared by cross-validation within them."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from edge_train.metrics import Embeddings, Names, Scores, macro_f1, most_probable
from edge_train.split import Folds, Indices

MAX_ITERATIONS = 1000
TREES = 200


@dataclass(frozen=True)
class Half:
    """The embeddings and labels of one side of the split."""

    matrix: Embeddings
    """(clips, hidden)"""
    truth: Names
    """(clips,)"""

    def __getitem__(self, rows: Indices) -> "Half":
        """Some of the clips."""
        return Half(self.matrix[rows], self.truth[rows])


@dataclass(frozen=True)
class Kind:
    """A family of classifiers."""

    name: str
    """Short and stable: lr, svm or rf."""
    title: str
    make: Callable[[int, int], Any]
    """(number of labels, seed) to an unfitted classifier."""


@dataclass(frozen=True)
class FittedHead:
    """A scaler and a classifier, fitted together on the training rows."""

    kind: Kind
    scaler: StandardScaler
    classifier: Any
    macro_f1: float
    """Of the predictions in cross-validation, 0 to 1."""

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return tuple(str(label) for label in self.classifier.classes_)

    def probabilities(self, matrix: Embeddings) -> Scores:
        """(clips, hidden) to (clips, labels)."""
        return predict(self.scaler, self.classifier, matrix)


def make_logistic_regression(labels: int, seed: int) -> Any:
    """One against the rest; with two labels that is one regression."""
    regression = LogisticRegression(max_iter=MAX_ITERATIONS)
    return regression if labels == 2 else OneVsRestClassifier(regression)


def make_svm(labels: int, seed: int) -> Any:
    """Support vectors with a Gaussian kernel and Platt's probabilities."""
    return SVC(kernel="rbf", probability=True, random_state=seed)


def make_random_forest(labels: int, seed: int) -> Any:
    """Two hundred trees."""
    return RandomForestClassifier(TREES, random_state=seed)


KINDS = (
    Kind("lr", "logistic regression", make_logistic_regression),
    Kind("svm", "SVM, RBF kernel", make_svm),
    Kind("rf", f"random forest, {TREES} trees", make_random_forest),
)
"""From the simplest on: a tie goes to the earlier."""


def fit_heads(train: Half, folds: Folds, seed: int) -> list[FittedHead]:
    """Fit each kind on the training clips and cross-validate it within them."""
    return [fit_head(kind, train, folds, seed) for kind in KINDS]


def choose(heads: Sequence[FittedHead]) -> FittedHead:
    """The head with the highest macro F1 in cross-validation; the simpler one of equals."""
    return max(heads, key=lambda head: head.macro_f1)


def fit_head(kind: Kind, train: Half, folds: Folds, seed: int) -> FittedHead:
    """Fit one kind on all training clips, and judge it by clips that it was not fitted on."""
    predicted = np.empty_like(train.truth)
    for fitting, judging in folds.pairs:
        scaler, classifier = fit(kind, train[fitting], seed)
        labels = tuple(classifier.classes_)
        probabilities = predict(scaler, classifier, train.matrix[judging])
        predicted[judging] = most_probable(probabilities, labels)
    scaler, classifier = fit(kind, train, seed)
    return FittedHead(kind, scaler, classifier, macro_f1(train.truth, predicted))


def fit(kind: Kind, train: Half, seed: int) -> tuple[StandardScaler, Any]:
    """A scaler and a classifier fitted on the same clips."""
    scaler = StandardScaler().fit(train.matrix)
    classifier = kind.make(len(set(train.truth)), seed)
    with warnings.catch_warnings():
        # `converged` tells it, once and for the head that matters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scikit-learn 1.9 announces that 1.11 drops SVC's own probabilities. Its substitute,
        # CalibratedClassifierCV, is another model, and SVC is what the export knows.
        warnings.filterwarnings("ignore", "The `probability` parameter was depr", FutureWarning)
        classifier.fit(scale(scaler, train.matrix), train.truth)
    return scaler, classifier


def converged(classifier: Any) -> bool:
    """Whether every logistic regression in a classifier ended before its last iteration."""
    fits = classifier.estimators_ if isinstance(classifier, OneVsRestClassifier) else [classifier]
    return all(
        fit.n_iter_.max() < MAX_ITERATIONS for fit in fits if isinstance(fit, LogisticRegression)
    )


def predict(scaler: StandardScaler, classifier: Any, matrix: Embeddings) -> Scores:
    """(clips, hidden) to probabilities (clips, labels)."""
    probabilities: Scores = classifier.predict_proba(scale(scaler, matrix))
    return probabilities


def scale(scaler: StandardScaler, matrix: Embeddings) -> Scores:
    """The float32 values that the exported scaler gives; in float64, so that fits are exact."""
    scaled: Scores = scaler.transform(matrix).astype(np.float64)
    return scaled
