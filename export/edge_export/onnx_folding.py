"""The first convolution of a given ONNX graph, with its normalisation over time folded into it.

`folding` does the same, for the same reasons, to the torch module; here it is done to the nodes
that optimum, through torch's TorchScript exporter, writes for that module.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnx.compose import add_prefix_graph
from onnx.helper import get_attribute_value
from onnx.parser import parse_graph

Array = npt.NDArray[Any]

PREFIX = "folded_"

# What a convolution over time has that neither pads nor groups nor skips.
PLAIN = {"group": 1, "dilations": [1], "pads": [0, 0], "auto_pad": b"NOTSET"}

# The arithmetic of FoldedGroupNorm.forward, with its division between Transpose and MatMul. A sum
# over time is a product with ones here: how a reduction is told its axes depends on the opset.
FOLDED = f"""
folded (float[batch, 1, samples] "{{source}}") => (float[batch, channels, frames] "{{target}}")
{{{{
    windows = Conv <strides = [{{stride}}]> ("{{source}}", identity)
    shape = Shape (windows)
    frames = Gather (shape, time)
    count = Cast <to = {onnx.TensorProto.DOUBLE}> (frames)
    tall = Concat <axis = 0> (frames, one)
    ones = ConstantOfShape <value = double[1] {{{{1}}}}> (tall)
    exact = Cast <to = {onnx.TensorProto.DOUBLE}> (windows)
    total = MatMul (exact, ones)
    mean = Div (total, count)
    centred = Sub (exact, mean)
    turned = Transpose <perm = [0, 2, 1]> (centred)
    share = Div (turned, count)
    covariance = MatMul (centred, share)
    weighted = MatMul (weight, covariance)
    terms = Mul (weighted, weight)
    variance = MatMul (terms, taps)
    raised = Add (variance, eps)
    deviation = Sqrt (raised)
    scale = Div (gain, deviation)
    scaled = Mul (weight, scale)
    offset = MatMul (scaled, mean)
    bias = Sub (shift, offset)
    scaled32 = Cast <to = {onnx.TensorProto.FLOAT}> (scaled)
    bias32 = Cast <to = {onnx.TensorProto.FLOAT}> (bias)
    product = MatMul (scaled32, windows)
    "{{target}}" = Add (product, bias32)
}}}}
"""


@dataclass(frozen=True, eq=False)
class Normalised:
    """A convolution and its normalisation over time, found in a graph."""

    source: str
    """Tensor that the convolution takes: (batch, 1, samples)."""
    last: onnx.NodeProto
    """The node that gives the normalised channels: (batch, channels, T)."""
    weight: Array
    """(channels, 1, kernel)"""
    stride: int
    eps: float
    gain: Array
    """(channels, 1), as is the next."""
    shift: Array


def fold_given_norm(graph: onnx.GraphProto) -> None:
    """Replace the normalisation over time by its folded form; a graph without it stays as it is."""
    found = find_normalised(graph)
    if found is None:
        return
    folded = folded_graph(found)
    position = list(graph.node).index(found.last)
    nodes = [*graph.node[:position], *folded.node, *graph.node[position + 1 :]]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(folded.initializer)
    prune(graph)


def folded_graph(found: Normalised) -> onnx.GraphProto:
    """The nodes that take its place, and their weights."""
    [target] = found.last.output
    text = FOLDED.format(source=found.source, target=target, stride=found.stride)
    folded = parse_graph(text)
    kernel = found.weight.shape[2]
    values: dict[str, Array] = {
        "identity": np.eye(kernel, dtype=np.float32)[:, None],
        "time": np.array([2]),
        "one": np.array([1]),
        "weight": found.weight[:, 0].astype(np.float64),
        "taps": np.ones((kernel, 1)),
        "eps": np.array(found.eps),
        "gain": found.gain.astype(np.float64),
        "shift": found.shift.astype(np.float64),
    }
    folded.initializer.extend(numpy_helper.from_array(v, name) for name, v in values.items())
    return add_prefix_graph(folded, PREFIX, rename_inputs=False, rename_outputs=False)


def find_normalised(graph: onnx.GraphProto) -> Normalised | None:
    """Convolution, Reshape, InstanceNormalization, Reshape, Mul, Add, where they are as expected.

    GroupNorm with a group for each channel is written so: the first Reshape makes the groups.
    """
    links = Links(graph)
    norm = links.only("InstanceNormalization")
    convolution = links.before(links.before(norm, "Reshape"), "Conv")
    multiply = links.after(links.after(norm, "Reshape"), "Mul")
    add = links.after(multiply, "Add")
    if norm is None or convolution is None or multiply is None or add is None:
        return None
    weight = links.constant(convolution.input[1])
    scale, offset = (links.constant(name) for name in norm.input[1:])
    gain, shift = (links.operand(node) for node in (multiply, add))
    if weight is None or scale is None or offset is None or gain is None or shift is None:
        return None
    settings = {entry.name: get_attribute_value(entry) for entry in convolution.attribute}
    channels = len(weight)
    expected = (
        all(settings.get(name, value) == value for name, value in PLAIN.items())
        and weight.shape[1:2] == (1,)
        and {scale.size, gain.size, shift.size} == {channels}
        and np.all(scale == 1)
        and np.all(offset == 0)
    )
    if not expected:
        return None
    return Normalised(
        source=convolution.input[0],
        last=add,
        weight=weight,
        stride=settings["strides"][0],
        eps=next(entry.f for entry in norm.attribute if entry.name == "epsilon"),
        gain=gain.reshape(channels, 1),
        shift=shift.reshape(channels, 1),
    )


class Links:
    """Which node of a graph gives a tensor, which ones take it, and which are constant."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._nodes = list(graph.node)
        self._makers = {output: node for node in graph.node for output in node.output}
        self._weights = {entry.name: entry for entry in graph.initializer}

    def only(self, kind: str) -> onnx.NodeProto | None:
        """The one node of a kind; None where there is none or more."""
        nodes = [node for node in self._nodes if node.op_type == kind]
        return nodes[0] if len(nodes) == 1 else None

    def before(self, node: onnx.NodeProto | None, kind: str) -> onnx.NodeProto | None:
        """The node that gives the first input, where it is of that kind."""
        maker = self._makers.get(node.input[0]) if node else None
        return maker if maker and maker.op_type == kind else None

    def after(self, node: onnx.NodeProto | None, kind: str) -> onnx.NodeProto | None:
        """The only node that takes the output, where it is of that kind."""
        takers = [user for user in self._nodes if node and node.output[0] in user.input]
        return takers[0] if len(takers) == 1 and takers[0].op_type == kind else None

    def constant(self, name: str) -> Array | None:
        """The value of a tensor that is the same for every input."""
        if name in self._weights:
            return numpy_helper.to_array(self._weights[name])
        maker = self._makers.get(name)
        if maker and maker.op_type == "Identity":  # one of several tensors of the same values
            return self.constant(maker.input[0])
        if maker and maker.op_type == "Constant" and maker.attribute[0].name == "value":
            return numpy_helper.to_array(maker.attribute[0].t)
        return None

    def operand(self, node: onnx.NodeProto) -> Array | None:
        """The constant one of a node's two inputs."""
        values = (self.constant(name) for name in node.input)
        return next((value for value in values if value is not None), None)


def prune(graph: onnx.GraphProto) -> None:
    """Drop the nodes and weights that no output depends on."""
    needed = {entry.name for entry in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):  # sorted: what a node takes is given before it
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(taken(node))
    weights = [entry for entry in graph.initializer if entry.name in needed]
    kept.reverse()
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(weights)


def taken(node: onnx.NodeProto) -> Iterator[str]:
    """The tensors that a node and the graphs inside it take."""
    yield from node.input
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            yield from (entry.name for entry in inner.output)
            for child in inner.node:
                yield from taken(child)
