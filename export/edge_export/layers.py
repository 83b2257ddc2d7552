"""The layers of Wav2Vec2 behind its front end as ONNX operators, one function a kind.

Hidden states are (rows, width), rows = batch x frames, but where a layer looks along time. What the
precisions and the sets of operators differ in is `Operators`.
"""

from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch.nn import Conv1d, LayerNorm, Linear, Module

from edge_export.blocks import MICROSOFT, Array, Block, Value
from edge_export.errors import EncoderError

# The names that transformers has for the activations of a Wav2Vec2.
TANH_GELUS = {"gelu_new", "gelu_fast", "gelu_pytorch_tanh"}
SIMPLE_ACTIVATIONS = {"gelu": "Gelu", "relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}
SIGMOID_FACTORS = {"silu": 1.0, "swish": 1.0, "quick_gelu": 1.702}


class Operators(Protocol):
    """How the costly layers are computed."""

    def linear(self, block: Block, hidden: Value, *layers: Linear) -> list[Value]:
        """(rows, in) -> (rows, out) by each layer."""

    def feed_forward(self, block: Block, hidden: Value, layer: Module, kind: str) -> Value:
        """(rows, width) -> (rows, width) through the wider middle."""

    def position(self, block: Block, hidden: Value, layer: Conv1d) -> Value:
        """(batch, F, width) -> the same shape, by a wide convolution over time.

        An even kernel would give a frame more, which transformers cuts off.
        """

    def attention(
        self, block: Block, query: Value, key: Value, value: Value, shape: "Shape"
    ) -> Value:
        """Three times (rows, width) -> (rows, width): each frame of a clip looks at all of it."""


@dataclass(frozen=True)
class Shape:
    """Of the hidden states."""

    frames: Value
    """An int64 vector: batch, -1, width."""
    heads: int
    width: int


def array(parameter: Any) -> Array:
    """A parameter as an array."""
    return cast(torch.Tensor, parameter).detach().numpy()


def activation(block: Block, hidden: Value, kind: str) -> Value:
    """The activation of that name in transformers.

    Raises:
        EncoderError: there is no operator for it here.
    """
    if kind in SIMPLE_ACTIVATIONS:
        return block.node(SIMPLE_ACTIVATIONS[kind], hidden)
    if kind in TANH_GELUS:
        return block.node("Gelu", hidden, approximate="tanh")
    if kind in SIGMOID_FACTORS:
        factor = block.floats(np.array(SIGMOID_FACTORS[kind]))
        gate = block.node("Sigmoid", block.node("Mul", hidden, factor))
        return block.node("Mul", hidden, gate)
    raise EncoderError(
        f"the fast graph has no activation {kind!r}; export the encoder with --graph plain"
    )


def layer_norm(block: Block, hidden: Value, layer: LayerNorm) -> Value:
    """(…, width) -> the same shape, over the last axis."""
    weight, bias = block.floats(array(layer.weight)), block.floats(array(layer.bias))
    return block.node("LayerNormalization", hidden, weight, bias, axis=-1, epsilon=layer.eps)


def position(block: Block, hidden: Value, layer: Module, operators: Operators, kind: str) -> Value:
    """(batch, F, width) -> the same shape: where a frame stands."""
    return activation(block, operators.position(block, hidden, cast(Conv1d, layer.conv)), kind)


def attention(
    block: Block, hidden: Value, layer: Module, operators: Operators, shape: Shape
) -> Value:
    """Self-attention: (rows, width) -> (rows, width)."""
    projections = [cast(Linear, p) for p in (layer.q_proj, layer.k_proj, layer.v_proj)]
    query, key, value = operators.linear(block, hidden, *projections)
    seen = operators.attention(block, query, key, value, shape)
    [result] = operators.linear(block, seen, cast(Linear, layer.out_proj))
    return result


def transformer_layer(
    block: Block, hidden: Value, layer: Module, operators: Operators, shape: Shape, kind: str
) -> Value:
    """Attention and feed-forward, each normalised after its residual: (rows, width)."""
    seen = attention(block, hidden, cast(Module, layer.attention), operators, shape)
    hidden = block.node("Add", hidden, seen)
    hidden = layer_norm(block, hidden, cast(LayerNorm, layer.layer_norm))
    fed = operators.feed_forward(block, hidden, cast(Module, layer.feed_forward), kind)
    hidden = block.node("Add", hidden, fed)
    return layer_norm(block, hidden, cast(LayerNorm, layer.final_layer_norm))


def stable_transformer_layer(
    block: Block, hidden: Value, layer: Module, operators: Operators, shape: Shape, kind: str
) -> Value:
    """Attention and feed-forward, each normalised before ("stable layer norm"): (rows, width)."""
    normed = layer_norm(block, hidden, cast(LayerNorm, layer.layer_norm))
    seen = attention(block, normed, cast(Module, layer.attention), operators, shape)
    hidden = block.node("Add", hidden, seen)
    normed = layer_norm(block, hidden, cast(LayerNorm, layer.final_layer_norm))
    fed = operators.feed_forward(block, normed, cast(Module, layer.feed_forward), kind)
    hidden = block.node("Add", hidden, fed)
    extra = cast(Module | None, layer.adapter_layer)
    if extra is None:
        return hidden
    return block.node("Add", hidden, adapter_of_layer(block, hidden, extra, operators))


def adapter_of_layer(block: Block, hidden: Value, layer: Module, operators: Operators) -> Value:
    """The small adapter that MMS models have in each layer: (rows, width)."""
    normed = layer_norm(block, hidden, cast(LayerNorm, layer.norm))
    [narrow] = operators.linear(block, normed, cast(Linear, layer.linear_1))
    active = block.node("Relu", narrow)
    [wide] = operators.linear(block, active, cast(Linear, layer.linear_2))
    return wide


def adapter(block: Block, hidden: Value, layer: Module) -> Value:
    """The adapter behind the encoder (`add_adapter`): (batch, F, width) -> (batch, F', width')."""
    if layer.proj is not None:
        linear = cast(Linear, layer.proj)
        product = block.node("MatMul", hidden, block.floats(array(linear.weight).T))
        hidden = block.node("Add", product, block.floats(array(linear.bias)))
        hidden = layer_norm(block, hidden, cast(LayerNorm, layer.proj_layer_norm))
    hidden = block.node("Transpose", hidden, perm=[0, 2, 1])
    for part in cast(Any, layer.layers):
        convolved = cast(Conv1d, part.conv)
        weight, bias = block.floats(array(convolved.weight)), block.floats(array(convolved.bias))
        [pad] = cast(tuple[int, ...], convolved.padding)
        strides = list(convolved.stride)
        both = block.node("Conv", hidden, weight, bias, strides=strides, pads=[pad, pad])
        kept, gate = block.nodes("Split", both, outputs=2, axis=1, num_outputs=2)
        hidden = block.node("Mul", kept, block.node("Sigmoid", gate))
    return block.node("Transpose", hidden, perm=[0, 2, 1])


def gemm(block: Block, hidden: Value, layer: Linear) -> Value:
    """(rows, in) -> (rows, out)."""
    weight, bias = block.floats(array(layer.weight).T), block.floats(array(layer.bias))
    return block.node("Gemm", hidden, weight, bias)


class StandardOperators:
    """Operators of the ONNX standard alone, in float32."""

    def linear(self, block: Block, hidden: Value, *layers: Linear) -> list[Value]:
        return [gemm(block, hidden, layer) for layer in layers]

    def feed_forward(self, block: Block, hidden: Value, layer: Module, kind: str) -> Value:
        [wide] = self.linear(block, hidden, cast(Linear, layer.intermediate_dense))
        active = activation(block, wide, kind)
        [narrow] = self.linear(block, active, cast(Linear, layer.output_dense))
        return narrow

    def position(self, block: Block, hidden: Value, layer: Conv1d) -> Value:
        before, behind = margins(layer)
        return grouped(block, hidden, layer, [0, before, 0, behind])

    def attention(
        self, block: Block, query: Value, key: Value, value: Value, shape: Shape
    ) -> Value:
        size = shape.width // shape.heads
        batch = block.node("Slice", shape.frames, block.ints(0), block.ints(1))
        split = block.node("Concat", batch, block.ints(-1, shape.heads, size), axis=0)
        # (batch, heads, F, size), the keys turned for the product
        perms = ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        q, k, v = (
            block.node("Transpose", block.node("Reshape", tensor, split), perm=perm)
            for tensor, perm in zip((query, key, value), perms, strict=True)
        )
        scale = block.floats(np.array(size**-0.5))
        scores = block.node("MatMul", block.node("Mul", q, scale), k)
        seen = block.node("MatMul", block.node("Softmax", scores, axis=-1), v)
        joined = block.node("Transpose", seen, perm=[0, 2, 1, 3])
        return block.node("Reshape", joined, block.ints(-1, shape.width))


class FastOperators(StandardOperators):
    """In float32, with what onnxruntime computes fastest on a CPU."""

    def feed_forward(self, block: Block, hidden: Value, layer: Module, kind: str) -> Value:
        """As two 1 x 1 convolutions: onnxruntime keeps their channels in blocks of a register.

        (rows, width) -> (1, width, 1, rows) and back.
        """
        wide, narrow = cast(Linear, layer.intermediate_dense), cast(Linear, layer.output_dense)
        image = block.node("Reshape", hidden, block.ints(1, 1, -1, wide.in_features))
        image = block.node("Transpose", image, perm=[0, 3, 1, 2])
        image = activation(block, pointwise(block, image, wide), kind)
        image = block.node("Transpose", pointwise(block, image, narrow), perm=[0, 2, 3, 1])
        return block.node("Reshape", image, block.ints(-1, narrow.out_features))

    def position(self, block: Block, hidden: Value, layer: Conv1d) -> Value:
        """Padded before it: onnxruntime computes frames beside a padding of its own one by one."""
        before, behind = margins(layer)
        padded = block.node("Pad", hidden, block.ints(0, before, 0, 0, behind, 0))
        return grouped(block, padded, layer, [0, 0, 0, 0])

    def attention(
        self, block: Block, query: Value, key: Value, value: Value, shape: Shape
    ) -> Value:
        """Fused: no matrix of F x F is kept."""
        clips = [block.node("Reshape", t, shape.frames) for t in (query, key, value)]
        seen = block.node("MultiHeadAttention", *clips, domain=MICROSOFT, num_heads=shape.heads)
        return block.node("Reshape", seen, block.ints(-1, shape.width))


def margins(layer: Conv1d) -> tuple[int, int]:
    """The zeros before and behind a clip, in frames, by which none is lost and none added."""
    [kernel] = layer.kernel_size
    return kernel // 2, (kernel - 1) // 2


def grouped(block: Block, hidden: Value, layer: Conv1d, pads: list[int]) -> Value:
    """A convolution in groups over time: (batch, F, width) -> (batch, F', width).

    `pads` are those of ONNX for (1, F): zeros before either axis, then behind.
    """
    image = block.node("Unsqueeze", hidden, block.ints(1))
    image = block.node("Transpose", image, perm=[0, 3, 1, 2])  # (batch, width, 1, F)
    weight, bias = (
        block.floats(array(layer.weight)[:, :, np.newaxis]),
        block.floats(array(layer.bias)),
    )
    image = block.node("Conv", image, weight, bias, group=layer.groups, pads=pads)
    return block.node("Squeeze", block.node("Transpose", image, perm=[0, 2, 3, 1]), block.ints(1))


def pointwise(block: Block, image: Value, layer: Linear) -> Value:
    """A linear layer over the channels of (1, in, 1, rows)."""
    weight = block.floats(array(layer.weight)[:, :, np.newaxis, np.newaxis])
    return block.node("Conv", image, weight, block.floats(array(layer.bias)))
