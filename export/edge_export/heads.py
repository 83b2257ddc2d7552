"""What turns an embedding into probabilities, as plain arrays.

`probabilities` is scikit-learn's arithmetic in numpy, the ground truth of the classifier graph.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Float64: TypeAlias = npt.NDArray[np.float64]
Float32: TypeAlias = npt.NDArray[np.float32]

# libsvm's svm.cpp, multiclass_probability: Wu, Lin and Weng (2004), second method.
COUPLING_STEPS = 100
COUPLING_TOLERANCE = 0.005
PAIRWISE_FLOOR = 1e-7


@dataclass(frozen=True, eq=False)
class Scaler:
    """A StandardScaler."""

    mean: Float64
    """(features,)"""
    scale: Float64
    """(features,)"""

    def transform(self, embeddings: Float32) -> Float32:
        """Scale (batch, features), rounded to float32 after each step as scikit-learn does."""
        centred = (embeddings - self.mean).astype(np.float32)
        scaled: Float32 = (centred / self.scale).astype(np.float32)
        return scaled


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """A LogisticRegression, or one of them for each class."""

    kind: ClassVar[str] = "LogisticRegression"

    coef: Float64
    """(classes, features)"""
    intercept: Float64
    """(classes,)"""
    link: Literal["softmax", "sigmoid"]
    """Sigmoids are normalised to a sum of 1."""

    features: int
    classes: tuple[str, ...]

    def probabilities(self, scaled: Float32) -> Float64:
        """(batch, features) to (batch, classes)."""
        decisions = scaled.astype(np.float64) @ self.coef.T + self.intercept
        if self.link == "softmax":
            powers = np.exp(decisions - decisions.max(axis=1, keepdims=True))
        else:
            powers = np.exp(-np.logaddexp(0, -decisions))
        probabilities: Float64 = powers / powers.sum(axis=1, keepdims=True)
        return probabilities


@dataclass(frozen=True, eq=False)
class SupportVectorClassifier:
    """An SVC with the RBF kernel and Platt's probabilities, coupled over the pairs of classes."""

    kind: ClassVar[str] = "SVC"

    vectors: Float64
    """(vectors, features)"""
    coef: Float64
    """(vectors, pairs): of each support vector in the decision between two classes"""
    intercept: Float64
    """(pairs,)"""
    gamma: float
    slope: Float64
    """(pairs,): Platt's A"""
    offset: Float64
    """(pairs,): Platt's B"""

    features: int
    classes: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Two classes each, in libsvm's order."""
        count = len(self.classes)
        return [(i, j) for i in range(count) for j in range(i + 1, count)]

    def probabilities(self, scaled: Float32) -> Float64:
        """(batch, features) to (batch, classes)."""
        exact = scaled.astype(np.float64)
        distances = np.square(exact[:, np.newaxis] - self.vectors).sum(axis=2)
        decisions = np.exp(-self.gamma * distances) @ self.coef + self.intercept
        first = 1 / (1 + np.exp(np.clip(self.slope * decisions + self.offset, -700, 700)))
        first = np.clip(first, PAIRWISE_FLOOR, 1 - PAIRWISE_FLOOR)
        return np.array([self.couple(row) for row in first])

    def couple(self, first: Float64) -> Float64:
        """Class probabilities (classes,) from that of the first class of each pair (pairs,)."""
        count = len(self.classes)
        wins = np.zeros((count, count))
        for (i, j), p in zip(self.pairs, first, strict=True):
            wins[i, j], wins[j, i] = p, 1 - p
        quadratic = np.diag(np.square(wins).sum(axis=0)) - wins.T * wins
        p = np.full(count, 1 / count)
        for _ in range(max(COUPLING_STEPS, count)):
            gradient = quadratic @ p
            value = p @ gradient
            if np.abs(gradient - value).max() < COUPLING_TOLERANCE / count:
                break
            for t in range(count):
                step = (value - gradient[t]) / quadratic[t, t]
                p[t] += step
                value = (value + step * (step * quadratic[t, t] + 2 * gradient[t])) / (
                    1 + step
                ) ** 2
                gradient = (gradient + step * quadratic[t]) / (1 + step)
                p /= 1 + step
        return p


@dataclass(frozen=True, eq=False)
class Tree:
    """A decision tree; node 0 is the root. The names of the arrays are scikit-learn's."""

    children_left: npt.NDArray[np.int64]
    """(nodes,): where to go on when the feature is at most the threshold; -1 in a leaf"""
    children_right: npt.NDArray[np.int64]
    """(nodes,)"""
    feature: npt.NDArray[np.int64]
    """(nodes,)"""
    threshold: Float64
    """(nodes,)"""
    value: Float64
    """(nodes, classes), each row with the sum 1"""

    @property
    def node_count(self) -> int:
        """Inner nodes and leaves."""
        return len(self.threshold)

    def probabilities(self, scaled: Float32) -> Float64:
        """(batch, features) to (batch, classes)."""
        rows = np.arange(len(scaled))
        node = np.zeros(len(scaled), np.int64)
        while (inner := self.children_left[node] >= 0).any():
            goes_left = scaled[rows, self.feature[node]] <= self.threshold[node]
            child = np.where(goes_left, self.children_left[node], self.children_right[node])
            node = np.where(inner, child, node)
        return self.value[node]


@dataclass(frozen=True, eq=False)
class ForestClassifier:
    """A RandomForestClassifier."""

    kind: ClassVar[str] = "RandomForestClassifier"

    trees: tuple[Tree, ...]

    features: int
    classes: tuple[str, ...]

    def probabilities(self, scaled: Float32) -> Float64:
        """(batch, features) to (batch, classes): the mean over the trees."""
        total = sum(tree.probabilities(scaled) for tree in self.trees)
        return np.asarray(total) / len(self.trees)


Classifier: TypeAlias = LinearClassifier | SupportVectorClassifier | ForestClassifier


@dataclass(frozen=True, eq=False)
class Head:
    """A scaler and a classifier that belong together."""

    scaler: Scaler
    classifier: Classifier
    labels: tuple[str, ...]
    """Names of the classes, in the classifier's order."""
    origin: str
    """What it was read from."""

    @property
    def description(self) -> str:
        """What it is and where it was read from."""
        return f"StandardScaler and {self.classifier.kind} of {self.origin}"

    def probabilities(self, embeddings: Float32) -> Float64:
        """(batch, features) to (batch, classes)."""
        return self.classifier.probabilities(self.scaler.transform(embeddings))
