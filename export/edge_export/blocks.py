"""An ONNX graph under construction: nodes, weights, loops.

The builders of `layers`, `front_end` and `quantisation` add one operator after the other and pass
names of tensors on; a name is made here, once, and never read by a person.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array: TypeAlias = npt.NDArray[Any]
Value: TypeAlias = str
"""The name of a tensor."""

MICROSOFT = "com.microsoft"

# onnxruntime has run opset 20 since its release 1.17. It is the first with Gelu as one operator;
# torch's own exporter writes 18 and later.
OPSET = 20
IR_VERSION = 9


class Block:
    """One graph, or the body of a loop, whose weights are its own."""

    def __init__(self, prefix: str = "", float_type: Any = np.float32) -> None:
        self._prefix = prefix
        self._float_type = np.dtype(float_type)
        self._count = 0
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._known: dict[bytes, Value] = {}

    def weight(self, array: Array) -> Value:
        """A constant; the same content is stored once."""
        stored = numpy_helper.from_array(np.asarray(array))
        key = stored.SerializeToString()
        if key not in self._known:
            stored.name = self._known[key] = self._name("weight")
            self._weights.append(stored)
        return self._known[key]

    def floats(self, array: Array) -> Value:
        """A constant in the graph's own float type."""
        return self.weight(np.asarray(array, self._float_type))

    def cast(self, value: Value) -> Value:
        """The tensor in the graph's own float type."""
        return self.node("Cast", value, to=helper.np_dtype_to_tensor_dtype(self._float_type))

    def ints(self, *values: int) -> Value:
        """An int64 vector: axes, bounds, a shape."""
        return self.weight(np.array(values, np.int64))

    def node(self, kind: str, *inputs: Value, domain: str = "", **attributes: Any) -> Value:
        """Add an operator of one output; an empty input is one that is left out."""
        [output] = self.nodes(kind, *inputs, outputs=1, domain=domain, **attributes)
        return output

    def nodes(
        self, kind: str, *inputs: Value, outputs: int, domain: str = "", **attributes: Any
    ) -> list[Value]:
        """Add an operator of several outputs."""
        names = [self._name(kind) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def loop(
        self, trips: Value, start: Value, body: Callable[["Block", Value, Value], Value]
    ) -> Value:
        """Repeat `body(block, index, state) -> next state` (float32), `trips` (a scalar) times.

        The body may read the tensors of this block. Its weights are put into its own graph: what
        onnxruntime packs in advance has to be constant there.
        """
        inner = Block(self._name("body") + "_")
        index, go_on, state = (inner._name(name) for name in ("index", "go_on", "state"))
        result = body(inner, index, state)
        kept = inner.node("Identity", go_on)
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            inner._nodes,
            "body",
            [
                info(index, TensorProto.INT64, []),
                info(go_on, TensorProto.BOOL, []),
                info(state, TensorProto.FLOAT, None),
            ],
            [info(kept, TensorProto.BOOL, []), info(result, TensorProto.FLOAT, None)],
            inner._weights,
        )
        return self.node("Loop", trips, self.weight(np.array(True)), start, body=graph)

    def model(
        self, source: tuple[Value, Sequence[str | int]], result: tuple[Value, Sequence[str | int]]
    ) -> onnx.ModelProto:
        """The graph as a model of one float32 input and one float32 output: (name, shape)."""
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, source[1])],
            [helper.make_tensor_value_info(result[0], TensorProto.FLOAT, result[1])],
            self._weights,
        )
        domains = {node.domain for node in graph.node} - {""}
        opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(d, 1) for d in domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def output(self, value: Value, name: str) -> Value:
        """Give a tensor the name that the caller of the model knows."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        return name

    def _name(self, kind: str) -> Value:
        self._count += 1
        return f"{self._prefix}{kind}_{self._count}"
