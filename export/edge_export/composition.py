"""Normalisation and pooling, put around a given ONNX graph of waveform to hidden states.

The graph is as optimum exports a Wav2Vec2 for `feature-extraction`: `input_values` and, in some,
`attention_mask`, both (batch, samples), to `last_hidden_state` (batch, frames, hidden).
"""

import onnx
from onnx.compose import add_prefix
from onnx.parser import parse_model

from edge_export.encoder import VARIANCE_FLOOR
from edge_export.errors import EncoderError
from edge_export.graph import INPUT, OUTPUT
from edge_export.onnx_folding import fold_given_norm

VALUES = "input_values"
MASK = "attention_mask"
HIDDEN = "last_hidden_state"

# Sets the given graph's names apart from ours; where they meet, they connect the two.
PREFIX = "given_"

# ReduceMean takes its axes as an input from this opset on, as an attribute before.
AXES_AS_INPUT = 18

FLOAT32, FLOAT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE


def pooled_graph(
    model: onnx.ModelProto, origin: str, normalize: bool, hidden_size: int
) -> onnx.ModelProto:
    """Waveform (batch, samples) -> embedding (batch, hidden), float32, both axes dynamic.

    Raises:
        EncoderError: the graph of `origin` is of another kind.
    """
    check_graph(model.graph, origin, hidden_size)
    inputs = {entry.name for entry in model.graph.input}
    pooled = add_prefix(model, PREFIX)
    fold_given_norm(pooled.graph)
    ours = parse_model(surroundings(model, normalize, MASK in inputs, hidden_size)).graph
    before, after = ours.node[: -len(POOL)], ours.node[-len(POOL) :]
    nodes = [*before, *pooled.graph.node, *after]
    del pooled.graph.node[:], pooled.graph.input[:], pooled.graph.output[:]
    pooled.graph.node.extend(nodes)
    pooled.graph.input.extend(ours.input)
    pooled.graph.output.extend(ours.output)
    return pooled


def check_graph(graph: onnx.GraphProto, origin: str, hidden_size: int) -> None:
    """Refuse a graph that is not of this signature."""
    inputs = {entry.name: entry.type.tensor_type for entry in graph.input}
    outputs = {entry.name: entry.type.tensor_type for entry in graph.output}
    again = f"export it again by optimum-cli export onnx --task feature-extraction ({origin!r})"
    if HIDDEN not in outputs:
        raise EncoderError(f"the graph gives {', '.join(outputs)}, not {HIDDEN}; {again}")
    if VALUES not in inputs or not inputs.keys() <= {VALUES, MASK}:
        raise EncoderError(f"the graph takes {', '.join(inputs)}, not {VALUES}; {again}")
    for name, tensor in ((VALUES, inputs[VALUES]), (HIDDEN, outputs[HIDDEN])):
        if tensor.elem_type != FLOAT32:
            kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
            raise EncoderError(f"{name} of the graph is {kind}, not FLOAT; {again} --dtype fp32")
    fixed = [size.dim_value for size in inputs[VALUES].shape.dim if size.dim_value]
    if fixed:
        raise EncoderError(f"the graph takes {fixed} samples or clips only; {again}")
    [*_, width] = [size.dim_value for size in outputs[HIDDEN].shape.dim] or [0]
    if width not in (0, hidden_size):  # 0: the graph doesn't say
        raise EncoderError(f"the graph is {width} wide, its config says {hidden_size}; {again}")


def surroundings(model: onnx.ModelProto, normalize: bool, mask: bool, hidden_size: int) -> str:
    """What stands before the given graph and, as POOL, behind it, in ONNX's own text."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    lines = [*(NORMALIZE if normalize else KEEP), *(ONES if mask else []), *POOL]
    code = "\n".join(lines)
    if opset >= AXES_AS_INPUT:
        code = f"axes = Constant <value_ints = [1]> ()\n{code}"
    else:
        code = code.replace(", axes)", ")").replace("<keepdims", "<axes = [1], keepdims")
    return f"""
        <ir_version: {model.ir_version}, opset_import: ["": {opset}]>
        pooled (float[batch, samples] {INPUT}) => (float[batch, {hidden_size}] {OUTPUT})
        {{ {code} }}
    """


# In float64, as in PooledEncoder and for its reasons.
NORMALIZE = [
    f"exact = Cast <to = {FLOAT64}> ({INPUT})",
    "mean = ReduceMean <keepdims = 1> (exact, axes)",
    "centred = Sub (exact, mean)",
    "square = Mul (centred, centred)",
    "variance = ReduceMean <keepdims = 1> (square, axes)",
    f"floor = Constant <value = double {{{VARIANCE_FLOOR}}}> ()",
    "raised = Add (variance, floor)",
    "deviation = Sqrt (raised)",
    "normalized = Div (centred, deviation)",
    f"{PREFIX}{VALUES} = Cast <to = {FLOAT32}> (normalized)",
]
KEEP = [f"{PREFIX}{VALUES} = Identity ({INPUT})"]

# There is no padding: every sample counts.
ONES = [
    f"shape = Shape ({INPUT})",
    f"{PREFIX}{MASK} = ConstantOfShape <value = int64[1] {{1}}> (shape)",
]
POOL = [
    f"frames = Cast <to = {FLOAT64}> ({PREFIX}{HIDDEN})",
    "pooled = ReduceMean <keepdims = 0> (frames, axes)",
    f"{OUTPUT} = Cast <to = {FLOAT32}> (pooled)",
]
