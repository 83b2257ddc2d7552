"""Layers in 8-bit integers: u8 activations, quantised as they come, by s8 weights."""

import numpy as np
from torch.nn import Linear

from edge_export.blocks import MICROSOFT, Array, Block, Value
from edge_export.layers import FastOperators, StandardOperators, array

INT8_MAX = 127


class Int8Operators(FastOperators):
    """The linear layers of the transformer in int8, attention and all else in float32."""

    def linear(self, block: Block, hidden: Value, *layers: Linear) -> list[Value]:
        """Quantised once for all the layers."""
        levels, scale, zero = block.nodes("DynamicQuantizeLinear", hidden, outputs=3)
        return [integer_product(block, levels, scale, zero, layer) for layer in layers]

    feed_forward = StandardOperators.feed_forward  # by way of `linear`


def integer_product(block: Block, hidden: Value, scale: Value, zero: Value, layer: Linear) -> Value:
    """u8 (rows, in) times s8 (in, out), as float32 (rows, out) with the bias added."""
    weight, weight_scale = quantise_columns(array(layer.weight).T)
    return block.node(
        "MatMulIntegerToFloat",
        hidden,
        block.weight(weight),
        scale,
        block.floats(weight_scale),
        zero,
        "",  # the weights' zero point: 0
        block.floats(array(layer.bias)),
        domain=MICROSOFT,
    )


def quantise_columns(weight: Array) -> tuple[Array, Array]:
    """s8 (in, out) and one float32 scale for each column, (out,): weight = s8 * scale."""
    largest = np.abs(weight).max(axis=0)
    scale = np.where(largest > 0, largest, 1) / INT8_MAX
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)
