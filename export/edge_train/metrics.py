"""How well a head does on test rows; figures as scikit-learn defines them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from edge_detect.rates import equal_error_rate, wilson_interval

Names: TypeAlias = npt.NDArray[np.str_]
Scores: TypeAlias = npt.NDArray[np.float64]
Embeddings: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClassFigures:
    """Precision, recall and F1, 0 to 1, of one label or as an average over labels."""

    precision: float
    recall: float
    f1: float
    support: int
    """Test clips of the label, or of all labels."""


@dataclass(frozen=True)
class Figures:
    """Everything said of one head on one set of test clips."""

    accuracy: float
    accuracy_low: float
    """Lower end of the Wilson 95 % interval."""
    accuracy_high: float
    classes: dict[str, ClassFigures]
    macro: ClassFigures
    """Mean over labels, each counted the same."""
    weighted: ClassFigures
    """Mean over labels, each by its support."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows are true labels, columns are predicted ones."""
    eer: float | None
    """Equal error rate, 0 to 1, for two labels."""
    auc: float | None
    """Area under the ROC curve, 0 to 1, for two labels."""


def measure(truth: Names, probabilities: Scores, labels: tuple[str, ...]) -> Figures:
    """Figures of (clips, labels) probabilities; the most probable label is the prediction.

    `truth` is (clips,), one of `labels` each.
    """
    predicted = most_probable(probabilities, labels)
    low, high = wilson_interval(int((truth == predicted).sum()), len(truth))
    two = len(labels) == 2
    return Figures(
        accuracy=float(accuracy_score(truth, predicted)),
        accuracy_low=low,
        accuracy_high=high,
        classes=class_figures(truth, predicted, labels),
        macro=average_figures(truth, predicted, "macro"),
        weighted=average_figures(truth, predicted, "weighted"),
        confusion=tuple(
            tuple(row) for row in confusion_matrix(truth, predicted, labels=labels).tolist()
        ),
        eer=equal_error_rate(truth == labels[1], probabilities[:, 1]).rate if two else None,
        auc=float(roc_auc_score(truth == labels[1], probabilities[:, 1])) if two else None,
    )


def most_probable(probabilities: Scores, labels: tuple[str, ...]) -> Names:
    """The label that the detector would give each row of (clips, labels)."""
    names: Names = np.array(labels, np.str_)[probabilities.argmax(axis=1)]
    return names


def macro_f1(truth: Names, predicted: Names) -> float:
    """Mean over labels of F1, 0 to 1."""
    return float(f1_score(truth, predicted, average="macro", zero_division=0))


def class_figures(
    truth: Names, predicted: Names, labels: tuple[str, ...]
) -> dict[str, ClassFigures]:
    """The figures of each label."""
    columns = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    return {
        label: ClassFigures(float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    }


def average_figures(truth: Names, predicted: Names, average: str) -> ClassFigures:
    """The macro or weighted average over labels."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average=average, zero_division=0
    )
    return ClassFigures(float(precision), float(recall), float(f1), len(truth))
