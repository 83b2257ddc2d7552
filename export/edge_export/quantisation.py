"""The transformer in 8-bit integers: u8 activations, quantised as they come, by s8 weights."""

from torch.nn import Conv1d, Linear

from edge_export.blocks import Block, Value
from edge_export.integers import integer_product
from edge_export.layers import FastOperators, StandardOperators, array
from edge_export.quantised_position import quantised_position
from edge_export.rounding import RoundedWeights


class Int8Operators(FastOperators):
    """Linear layers and the positional convolution in int8, attention and all else in float32."""

    def __init__(self, weights: RoundedWeights) -> None:
        self._weights = weights

    def linear(self, block: Block, hidden: Value, *layers: Linear) -> list[Value]:
        """Quantised once for all the layers."""
        levels, scale, zero = block.nodes("DynamicQuantizeLinear", hidden, outputs=3)
        biases = [block.floats(array(layer.bias)) for layer in layers]
        return [
            integer_product(block, levels, scale, zero, self._weights[layer], bias)
            for layer, bias in zip(layers, biases, strict=True)
        ]

    feed_forward = StandardOperators.feed_forward  # by way of `linear`

    def position(self, block: Block, hidden: Value, layer: Conv1d) -> Value:
        return quantised_position(block, hidden, layer)
