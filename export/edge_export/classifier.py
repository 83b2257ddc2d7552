"""A fitted StandardScaler and LogisticRegression as one ONNX file."""

from dataclasses import dataclass
from pathlib import Path

from onnx import checker
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from edge_export.errors import HeadError

INPUT = "embedding"
OUTPUT = "probabilities"

# ai.onnx and ai.onnx.ml versions that skl2onnx's operators for these two models were written for.
OPSETS = {"": 18, "ai.onnx.ml": 3}


@dataclass(frozen=True)
class Head:
    """What turns an embedding into probabilities, as scikit-learn fitted it."""

    scaler: StandardScaler
    classifier: LogisticRegression
    labels: tuple[str, ...]
    """Names of the classes, in the order of `classifier.classes_`."""
    origin: str
    """What it was read from."""


def make_head(
    scaler: StandardScaler,
    classifier: LogisticRegression,
    labels: tuple[str, ...] | None = None,
    origin: str = "scikit-learn objects",
) -> Head:
    """Check that a scaler and a classifier are fitted and belong together.

    `labels` names the classes in the order of `classifier.classes_`; None takes the classes as
    their own names.

    Raises:
        HeadError: not fitted, of other types, of different widths, or labels that don't match.
    """
    check_type(scaler, StandardScaler)
    check_type(classifier, LogisticRegression)
    if scaler.n_features_in_ != classifier.n_features_in_:
        raise HeadError(
            f"the scaler takes {scaler.n_features_in_} features, the classifier "
            f"{classifier.n_features_in_}; give two that were fitted together"
        )
    classes = [str(name) for name in classifier.classes_.tolist()]
    names = tuple(classes) if labels is None else labels
    if len(names) != len(classes):
        raise HeadError(f"{len(names)} labels for {len(classes)} classes; name each class once")
    if len(set(names)) != len(names):
        raise HeadError(f"a label twice in {names}; give each class its own")
    if set(names) == set(classes) and list(names) != classes:
        raise HeadError(f"the labels {names} are not in the classifier's order; give {classes}")
    return Head(scaler, classifier, names, origin)


def check_type(model: object, kind: type) -> None:
    """Refuse what is not a fitted `kind`; a subclass could compute something else."""
    if type(model) is not kind:
        raise HeadError(f"got a {type(model).__name__} where a {kind.__name__} is needed")
    try:
        check_is_fitted(model)
    except ValueError as error:  # NotFittedError
        raise HeadError(f"the {kind.__name__} is not fitted; fit it first") from error


def write_classifier_graph(head: Head, path: Path) -> None:
    """Export embedding (batch, hidden) -> probabilities (batch, classes), both float32."""
    model = to_onnx(
        make_pipeline(head.scaler, head.classifier),
        initial_types=[(INPUT, FloatTensorType([None, head.scaler.n_features_in_]))],
        options={"zipmap": False},
        target_opset=OPSETS,
    )
    checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
