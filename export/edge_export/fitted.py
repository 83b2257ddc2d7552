"""Heads from what scikit-learn fitted: its objects, or what their pickles say of them.

The arrays mean here what they meant to the version that fitted them, of scikit-learn 1.0 to 1.9:
newer ones read older models and change their probabilities silently.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from edge_export.errors import HeadError
from edge_export.heads import (
    Classifier,
    Float64,
    ForestClassifier,
    Head,
    LinearClassifier,
    Scaler,
    SupportVectorClassifier,
    Tree,
)
from edge_export.pickles import Stored

# A model's numbers may be float32; a larger array of them is no head.
MAX_CONVERTED_BYTES = 32 * 2**20


def make_head(
    scaler: Any,
    classifier: Any,
    labels: Sequence[str] | None = None,
    origin: str = "scikit-learn objects",
) -> Head:
    """Read a fitted StandardScaler and classifier and check that they belong together.

    `scaler` and `classifier` are scikit-learn's objects, what `read_pickle` gave for them, or those
    of another head. The classifier is a LogisticRegression, a OneVsRestClassifier of them, an SVC
    (rbf, probability=True) or a RandomForestClassifier. `labels` names the classes in the order of
    `classes_`; None takes the classes as their own names.

    Raises:
        HeadError: not fitted, of other types, of different widths, or labels that don't match.
    """
    standard = scaler if isinstance(scaler, Scaler) else read_scaler(as_stored(scaler))
    fitted = (
        classifier if isinstance(classifier, Classifier) else read_classifier(as_stored(classifier))
    )
    if len(standard.mean) != fitted.features:
        raise HeadError(
            f"the scaler takes {len(standard.mean)} features, the classifier {fitted.features}; "
            "give two that were fitted together"
        )
    classes = list(fitted.classes)
    names = fitted.classes if labels is None else tuple(labels)
    if len(names) != len(classes):
        raise HeadError(f"{len(names)} labels for {len(classes)} classes; name each class once")
    if len(set(names)) != len(names):
        raise HeadError(f"a label twice in {names}; give each class its own")
    if set(names) == set(classes) and list(names) != classes:
        raise HeadError(f"the labels {names} are not in the classifier's order; give {classes}")
    return Head(standard, fitted, names, origin)


def as_stored(model: Any) -> Stored:
    """The attributes of an object of scikit-learn, as its pickle would have them."""
    if isinstance(model, Stored):
        return model
    kind = type(model)
    if kind.__module__.partition(".")[0] != "sklearn":  # a subclass could compute something else
        raise HeadError(f"got a {kind.__name__} where a model of scikit-learn is needed")
    return Stored(kind.__name__, (), model.__getstate__())


def read_scaler(stored: Stored) -> Scaler:
    """The mean and the scale; 0 and 1 where the scaler was told to leave them."""
    if stored.kind != "StandardScaler":
        raise HeadError(f"got a {stored.kind} where a StandardScaler is needed")
    features = attribute(stored, "n_features_in_", int)
    mean, scale = np.zeros(features), np.ones(features)
    if stored.attributes.get("with_mean", True):
        mean = numbers(stored, "mean_", (features,))
    if stored.attributes.get("with_std", True):
        scale = numbers(stored, "scale_", (features,))
        if not scale.all():
            raise HeadError("the StandardScaler divides by 0; fit it again")
    return Scaler(mean, scale)


def read_classifier(stored: Stored) -> Classifier:
    """The arrays of a classifier of any of the four kinds."""
    readers: dict[str, Callable[[Stored], Classifier]] = {
        "LogisticRegression": read_logistic_regression,
        "OneVsRestClassifier": read_one_vs_rest,
        "SVC": read_support_vectors,
        "RandomForestClassifier": read_forest,
    }
    if stored.kind not in readers:
        raise HeadError(f"got a {stored.kind} where one of {', '.join(readers)} is needed")
    return readers[stored.kind](stored)


def read_logistic_regression(stored: Stored) -> LinearClassifier:
    """Coefficients and link that predict_proba of scikit-learn 1.0 to 1.9 uses.

    Two classes have one row of coefficients: of a sigmoid, or, fitted as "multinomial", of a
    softmax over the decision and its negative.
    """
    classes = class_names(stored, stored.attributes.get("classes_"))
    rows = 1 if len(classes) == 2 else len(classes)
    features = attribute(stored, "n_features_in_", int)
    coef = numbers(stored, "coef_", (rows, features))
    intercept = numbers(stored, "intercept_", (rows,))
    if rows == 1:  # sigmoids of -d and d already have the sum 1
        coef, intercept = np.concatenate((-coef, coef)), np.concatenate((-intercept, intercept))
    link: Literal["softmax", "sigmoid"] = "sigmoid" if is_one_vs_rest(stored, rows) else "softmax"
    return LinearClassifier(coef, intercept, link, features, classes)


def is_one_vs_rest(stored: Stored, rows: int) -> bool:
    """Whether the version that fitted the regression gives normalised sigmoids."""
    multi_class = stored.attributes.get("multi_class", "auto")  # gone since scikit-learn 1.8
    if multi_class in ("auto", "deprecated"):
        return rows == 1 or stored.attributes.get("solver") in one_vs_rest_solvers(stored)
    if multi_class not in ("ovr", "multinomial"):
        raise HeadError(f"multi_class={multi_class!r:.50}, which no scikit-learn since 1.0 has")
    return bool(multi_class == "ovr")


def one_vs_rest_solvers(stored: Stored) -> tuple[str, ...]:
    """Solvers that take one class at a time; newton-cholesky did so before scikit-learn 1.6."""
    version = stored.attributes.get("_sklearn_version")
    if not isinstance(version, str) or not re.match(r"\d+\.\d+", version):
        raise HeadError("it doesn't say which scikit-learn fitted it; save it by pickle or joblib")
    major, minor = (int(part) for part in version.split(".")[:2])
    return ("liblinear", "newton-cholesky") if (major, minor) < (1, 6) else ("liblinear",)


def read_one_vs_rest(stored: Stored) -> LinearClassifier:
    """The rows that the regressions of the classes give for "this class"."""
    binarizer = attribute(stored, "label_binarizer_", Stored)
    classes = class_names(stored, binarizer.attributes.get("classes_"))
    estimators = attribute(stored, "estimators_", list)
    if len(estimators) != (1 if len(classes) == 2 else len(classes)):
        raise HeadError(f"{len(estimators)} regressions for {len(classes)} classes; fit it again")
    parts = [read_binary(as_stored(estimator)) for estimator in estimators]
    if len({part.features for part in parts}) != 1:
        raise HeadError("the regressions of the OneVsRestClassifier differ in width; fit it again")
    coef = np.stack([part.coef[1] for part in parts])
    intercept = np.stack([part.intercept[1] for part in parts])
    if len(parts) == 1:
        coef, intercept = parts[0].coef, parts[0].intercept
    return LinearClassifier(coef, intercept, "sigmoid", parts[0].features, classes)


def read_binary(stored: Stored) -> LinearClassifier:
    """The regression of one class against the rest, by its sigmoid."""
    if stored.kind != "LogisticRegression":
        raise HeadError(
            f"a OneVsRestClassifier of {stored.kind} is not read, only of LogisticRegression"
        )
    part = read_logistic_regression(stored)
    if len(part.classes) != 2:
        raise HeadError("a regression in the OneVsRestClassifier has no two classes; fit it again")
    # The softmax of -d and d is the sigmoid of 2 d.
    factor = 2 if part.link == "softmax" else 1
    return replace(part, coef=factor * part.coef, intercept=factor * part.intercept, link="sigmoid")


def read_support_vectors(stored: Stored) -> SupportVectorClassifier:
    """libsvm's arrays, with each pair's coefficients in a column of its own."""
    if stored.attributes.get("kernel") != "rbf" or not stored.attributes.get("probability"):
        raise HeadError("only SVC(kernel='rbf', probability=True) is read; fit it like that")
    classes = class_names(stored, stored.attributes.get("classes_"))
    count, pairs = len(classes), len(classes) * (len(classes) - 1) // 2
    features = attribute(stored, "n_features_in_", int)
    sizes = np.asarray(stored.attributes.get("_n_support"))
    if sizes.shape != (count,) or sizes.dtype.kind not in "iu" or (sizes < 0).any():
        raise HeadError("the SVC doesn't say how many vectors each class has; fit it again")
    total = int(sizes.sum())
    compact = numbers(stored, "_dual_coef_", (count - 1, total))
    return SupportVectorClassifier(
        vectors=numbers(stored, "support_vectors_", (total, features)),
        coef=spread_coefficients(compact, sizes.tolist()),
        intercept=numbers(stored, "_intercept_", (pairs,)),
        gamma=float(numbers(stored, "_gamma", ())),
        slope=numbers(stored, "_probA", (pairs,)),
        offset=numbers(stored, "_probB", (pairs,)),
        features=features,
        classes=classes,
    )


def spread_coefficients(compact: Float64, sizes: list[int]) -> Float64:
    """libsvm's (classes - 1, vectors) to (vectors, pairs).

    A vector of class i has a coefficient for each other class j, in row j, or j - 1 behind its own.
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    columns = []
    for i in range(len(sizes)):
        for j in range(i + 1, len(sizes)):
            column = np.where(owner == i, compact[j - 1], 0)
            columns.append(np.where(owner == j, compact[i], column))
    return np.stack(columns, axis=1)


def read_forest(stored: Stored) -> ForestClassifier:
    """The trees' nodes."""
    classes = class_names(stored, stored.attributes.get("classes_"))
    features = attribute(stored, "n_features_in_", int)
    estimators = attribute(stored, "estimators_", list)
    if not estimators:
        raise HeadError("the RandomForestClassifier has no trees; fit it first")
    trees = tuple(
        read_tree(as_stored(attribute(as_stored(estimator), "tree_")), features, len(classes))
        for estimator in estimators
    )
    return ForestClassifier(trees, features, classes)


def read_tree(stored: Stored, features: int, classes: int) -> Tree:
    """A tree whose every node leads on to later ones, as scikit-learn writes them."""
    nodes = attribute(stored, "nodes", np.ndarray)
    count = len(nodes)
    left, right, feature = (
        nodes[name].astype(np.int64) for name in ("left_child", "right_child", "feature")
    )
    inner = left >= 0
    later = np.arange(count)[inner]
    for child in (left[inner], right[inner]):
        if not ((child > later) & (child < count)).all():
            raise HeadError("a tree whose branches lead back or nowhere; fit it again")
    if not count or not ((feature[inner] >= 0) & (feature[inner] < features)).all():
        raise HeadError(f"a tree that asks for more than {features} features; fit it again")
    value = numbers(stored, "values", (count, 1, classes))[:, 0]
    total = value.sum(axis=1, keepdims=True)
    return Tree(
        children_left=np.where(inner, left, -1),
        children_right=np.where(inner, right, -1),
        feature=np.where(inner, feature, 0),
        threshold=np.where(inner, nodes["threshold"].astype(np.float64), 0),
        value=value / np.where(total == 0, 1, total),
    )


def attribute(stored: Stored, name: str, kind: type | None = None) -> Any:
    """A fitted attribute of the right type."""
    value = stored.attributes.get(name)
    if isinstance(value, np.integer):
        value = int(value)
    if kind is Stored and value is not None:
        value = as_stored(value)
    if value is None or (kind is not None and not isinstance(value, kind)):
        raise HeadError(f"the {stored.kind} has no usable {name!r}: it is not fitted; fit it first")
    return value


def numbers(stored: Stored, name: str, shape: tuple[int, ...]) -> Float64:
    """A fitted array of finite numbers of a known shape, as float64."""
    array = np.asarray(attribute(stored, name))
    if array.shape != shape:
        raise HeadError(
            f"the {stored.kind}'s {name!r} has the shape {array.shape}, not {shape}; fit it again"
        )
    if array.dtype != np.float64 and array.nbytes > MAX_CONVERTED_BYTES:
        raise HeadError(f"the {stored.kind}'s {name!r} is larger than any head; it was not read")
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise HeadError(f"the {stored.kind}'s {name!r} is not all finite numbers; fit it again")
    return array.astype(np.float64, copy=False)


def class_names(stored: Stored, classes: Any) -> tuple[str, ...]:
    """The classes as text, in the model's order."""
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise HeadError(f"the {stored.kind} has no two classes: it is not fitted; fit it first")
    return tuple(str(name) for name in classes.tolist())
