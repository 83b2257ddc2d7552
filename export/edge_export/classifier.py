"""A head as one ONNX file: embedding (batch, hidden) to probabilities (batch, classes).

The arithmetic is that of scikit-learn: the scaler rounds to float32 after each step, everything
behind it is float64. The graphs stand here in ONNX's own text form, with the names of their arrays
as inputs; `graph_model` turns those into constants.
"""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, checker, helper, numpy_helper, parser
from skl2onnx.common.tree_ensemble import (
    add_tree_to_attribute_pairs,
    get_default_tree_classifier_attribute_pairs,
)

from edge_export.errors import HeadError
from edge_export.heads import (
    COUPLING_STEPS,
    COUPLING_TOLERANCE,
    PAIRWISE_FLOOR,
    ForestClassifier,
    Head,
    LinearClassifier,
    SupportVectorClassifier,
)

INPUT = "embedding"
OUTPUT = "probabilities"

OPSETS = {"": 18, "ai.onnx.ml": 3}
# onnxruntime has read it since its release 1.14.
IR_VERSION = 8

MAX_BYTES = 2**31 - 1  # of a protobuf message

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

SCALE = """
    exact = Cast <to = 11> (embedding)
    centred = Sub (exact, mean)
    centred_float = Cast <to = 1> (centred)
    centred_exact = Cast <to = 11> (centred_float)
    scaled_exact = Div (centred_exact, scale)
    scaled = Cast <to = 1> (scaled_exact)
"""

DECIDE = """
    features = Cast <to = 11> (scaled)
    decisions = Gemm <transB = 1> (features, coef, intercept)
"""

SOFTMAX = """
    result = Softmax <axis = 1> (decisions)
    probabilities = Cast <to = 1> (result)
"""

NORMALISED_SIGMOIDS = """
    powers = Sigmoid (decisions)
    total = ReduceSum (powers, last_axis)
    result = Div (powers, total)
    probabilities = Cast <to = 1> (result)
"""

# |x - v|^2 by the binomial formula; in float64 nothing is lost that a probability could show.
SUPPORT_VECTORS = """
    features = Cast <to = 11> (scaled)
    squares = Mul (features, features)
    length = ReduceSum (squares, last_axis)
    product = Gemm <transB = 1, alpha = -2.0> (features, vectors, vector_lengths)
    distance = Add (product, length)
    exponent = Mul (distance, minus_gamma)
    kernel = Exp (exponent)
    decisions = Gemm (kernel, coef, intercept)
    steepened = Mul (decisions, minus_slope)
    logits = Sub (steepened, offset)
    sigmoids = Sigmoid (logits)
    first = Clip (sigmoids, floor, ceiling)
    second = Sub (one, first)
    first_wins = MatMul (first, first_places)
    second_wins = MatMul (second, second_places)
    flat_wins = Add (first_wins, second_wins)
    wins = Reshape (flat_wins, square)
    losses = Transpose <perm = [0, 2, 1]> (wins)
    mixed = Mul (losses, wins)
    squared_wins = Mul (wins, wins)
    column_sums = ReduceSum (squared_wins, middle_axis)
    diagonal = Mul (column_sums, unit)
    quadratic = Sub (diagonal, mixed)
    ones = Mul (column_sums, zero)
    column = Squeeze (ones, middle_axis)
    start = Add (column, equal_share)
    result = Loop (max_steps, true, start) <body = step (
        int64 i, bool unused, double[batch, classes] p)
        => (bool go_on, double[batch, classes] p_out) {
        p_column = Unsqueeze (p, last_axis_of_three)
        gradient_column = MatMul (quadratic, p_column)
        gradient = Squeeze (gradient_column, last_axis_of_three)
        parts = Mul (p, gradient)
        value = ReduceSum (parts, last_axis)
        difference = Sub (gradient, value)
        distance_from_flat = Abs (difference)
        error = ReduceMax (distance_from_flat, last_axis)
        active = GreaterOrEqual (error, tolerance)
        active_number = Cast <to = 6> (active)
        any_active = ReduceMax <keepdims = 0> (active_number)
        go_on = Cast <to = 9> (any_active)
        p_out, gradient_out, value_out = Loop (class_count, true, p, gradient, value) <
            body = sweep (int64 t, bool unused_too, double[batch, classes] p_t,
            double[batch, classes] gradient_t, double[batch, one_value] value_t)
            => (bool always, double[batch, classes] p_next, double[batch, classes] gradient_next,
                double[batch, one_value] value_next) {
            always = Identity (true)
            chosen = Gather (unit, t)
            chosen_column = Unsqueeze (chosen, last_axis)
            row_column = MatMul (quadratic, chosen_column)
            row = Squeeze (row_column, last_axis_of_three)
            chosen_row = Mul (row, chosen)
            pivot = ReduceSum (chosen_row, last_axis)
            chosen_gradient = Mul (gradient_t, chosen)
            slope_t = ReduceSum (chosen_gradient, last_axis)
            gap = Sub (value_t, slope_t)
            wanted = Div (gap, pivot)
            change = Where (active, wanted, zero)
            grown = Add (one, change)
            moved = Mul (change, chosen)
            p_moved = Add (p_t, moved)
            p_next = Div (p_moved, grown)
            row_moved = Mul (change, row)
            gradient_moved = Add (gradient_t, row_moved)
            gradient_next = Div (gradient_moved, grown)
            change_pivot = Mul (change, pivot)
            slope_twice = Add (slope_t, slope_t)
            bend = Add (change_pivot, slope_twice)
            value_change = Mul (change, bend)
            value_moved = Add (value_t, value_change)
            value_shrunk = Div (value_moved, grown)
            value_next = Div (value_shrunk, grown)
        }>
    }>
    probabilities = Cast <to = 1> (result)
"""


def write_classifier_graph(head: Head, path: Path) -> None:
    """Export embedding (batch, hidden) -> probabilities (batch, classes), both float32."""
    model = classifier_model(head)
    checker.check_model(model, full_check=True)
    if model.ByteSize() > MAX_BYTES:
        raise HeadError("the classifier's graph is larger than 2 GB; fit one with fewer vectors")
    path.write_bytes(model.SerializeToString(deterministic=True))


def classifier_model(head: Head) -> onnx.ModelProto:
    """The head's graph."""
    scale: Arrays = {"mean": head.scaler.mean, "scale": head.scaler.scale}
    if isinstance(head.classifier, LinearClassifier):
        link = SOFTMAX if head.classifier.link == "softmax" else NORMALISED_SIGMOIDS
        return graph_model(SCALE + DECIDE + link, scale | linear_arrays(head.classifier), head)
    if isinstance(head.classifier, SupportVectorClassifier):
        arrays = scale | support_vector_arrays(head.classifier)
        return graph_model(SCALE + SUPPORT_VECTORS, arrays, head)
    return forest_model(head.classifier, scale, head)


def linear_arrays(classifier: LinearClassifier) -> Arrays:
    """Constants of the linear graphs."""
    arrays: Arrays = {"coef": classifier.coef, "intercept": classifier.intercept}
    return arrays if classifier.link == "softmax" else arrays | {"last_axis": np.array([1])}


def support_vector_arrays(classifier: SupportVectorClassifier) -> Arrays:
    """Constants of the support vector graph."""
    count = len(classifier.classes)
    first_places = np.zeros((len(classifier.pairs), count * count))
    second_places = np.zeros_like(first_places)
    for pair, (i, j) in enumerate(classifier.pairs):
        first_places[pair, i * count + j] = second_places[pair, j * count + i] = 1
    return {
        "vectors": classifier.vectors,
        "vector_lengths": np.square(classifier.vectors).sum(axis=1),
        "minus_gamma": np.array(-classifier.gamma),
        "coef": classifier.coef,
        "intercept": classifier.intercept,
        "minus_slope": -classifier.slope,
        "offset": classifier.offset,
        "floor": np.array(PAIRWISE_FLOOR),
        "ceiling": np.array(1 - PAIRWISE_FLOOR),
        "first_places": first_places,
        "second_places": second_places,
        "square": np.array([-1, count, count]),
        "unit": np.eye(count),
        "equal_share": np.array(1 / count),
        "tolerance": np.array(COUPLING_TOLERANCE / count),
        "max_steps": np.array(max(COUPLING_STEPS, count)),
        "class_count": np.array(count),
        "zero": np.array(0.0),
        "one": np.array(1.0),
        "true": np.array(True),
        "last_axis": np.array([1]),
        "middle_axis": np.array([1]),
        "last_axis_of_three": np.array([2]),
    }


def forest_model(forest: ForestClassifier, scale: Arrays, head: Head) -> onnx.ModelProto:
    """The scaler and ONNX's own operator for an ensemble of trees."""
    attributes = get_default_tree_classifier_attribute_pairs()
    for i, tree in enumerate(forest.trees):
        add_tree_to_attribute_pairs(
            attributes, True, tree, i, 1 / len(forest.trees), 0,
            leaf_weights_are_counts=False, adjust_threshold_for_sklearn=True, dtype=np.float32,
        )  # fmt: skip
    attributes["classlabels_int64s"] = list(range(len(forest.classes)))
    model = graph_model(SCALE + "probabilities = Identity (scaled)", scale, head)
    model.graph.node.pop()
    ensemble = helper.make_node(
        "TreeEnsembleClassifier", ["scaled"], ["class", OUTPUT], domain="ai.onnx.ml", **attributes
    )
    model.graph.node.append(ensemble)
    return model


def graph_model(nodes: str, arrays: Arrays, head: Head) -> onnx.ModelProto:
    """A model from the text of its nodes and the arrays that they name."""
    inputs = ", ".join(f"{onnx_type(array)} {name}" for name, array in arrays.items())
    opsets = ", ".join(f'"{domain}" : {version}' for domain, version in OPSETS.items())
    model = parser.parse_model(
        f"<ir_version: {IR_VERSION}, opset_import: [{opsets}]> "
        f"classifier (float[batch, {head.classifier.features}] {INPUT}, {inputs}) "
        f"=> (float[batch, {len(head.labels)}] {OUTPUT}) {{ {nodes} }}"
    )
    del model.graph.input[1:]
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()
    )
    return model


def onnx_type(array: npt.NDArray[Any]) -> str:
    """A type in ONNX's text form."""
    element = TensorProto.DataType.Name(helper.np_dtype_to_tensor_dtype(array.dtype)).lower()
    return (
        f"{element}[{','.join(str(length) for length in array.shape)}]" if array.shape else element
    )
