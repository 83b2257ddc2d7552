"""Wav2Vec2's front end in 8-bit integers: waveform (batch, samples) to frames (batch, F, channels).

All convolutions but the first, whose input is one channel, are products of u8 activations by s8
weights. Activations are (batch, time, channels), so that a window is a row. One scale for loud and
quiet moments alike would lose the quiet ones: each window has a scale of its own, so that a frame
is the same in whatever chunk and batch it is computed.
"""

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
from torch.nn import Conv1d, LayerNorm, Module

from edge_export.blocks import Block, Value
from edge_export.encoder import Encoder
from edge_export.front_end import Frames, first_windows, folded_group_norm
from edge_export.integers import integer_product, window_places
from edge_export.layers import activation, array, layer_norm
from edge_export.rounding import RoundedWeights

ZERO, ABOVE = 64, 191
"""The zero point, which all windows have, and the levels above it: activations lie mostly there."""

SILENCE = 1e-30
"""A window of zeros spans nothing."""


def quantised_frame_builder(
    block: Block, waveform: Value, encoder: Encoder, weights: RoundedWeights
) -> Frames:
    """What does the convolutions, with what of them depends on the whole clip computed once."""
    first = first_weight(block, waveform, encoder)
    return partial(quantised_frames, first=first, encoder=encoder, weights=weights)


def first_weight(block: Block, waveform: Value, encoder: Encoder) -> Value:
    """The first convolution's weights and, as a last row, biases: (batch or 1, kernel + 1, out).

    In a "group" model the normalisation of the whole clip is folded in.
    """
    layer = encoder.model.feature_extractor.conv_layers[0]
    if encoder.config.feat_extract_norm == "group":
        folded = folded_group_norm(block, waveform, layer)
        return block.node("Transpose", folded, perm=[0, 2, 1])
    convolved = cast(Conv1d, layer.conv)
    bias = np.zeros(convolved.out_channels) if convolved.bias is None else array(convolved.bias)
    weight = array(convolved.weight)[:, 0].T
    return block.floats(np.concatenate([weight, bias[np.newaxis]])[np.newaxis])


def quantised_frames(
    block: Block, waveform: Value, first: Value, encoder: Encoder, weights: RoundedWeights
) -> Value:
    """(batch, samples) -> (batch, F, channels), of the clip or a part of it."""
    layers = cast(Sequence[Module], encoder.model.feature_extractor.conv_layers)
    windows = first_windows(block, waveform, cast(Conv1d, layers[0].conv))
    hidden = block.node("MatMul", block.node("Transpose", windows, perm=[0, 2, 1]), first)
    hidden = finished(block, hidden, layers[0], encoder)
    for layer in layers[1:]:
        hidden = quantised_convolution(block, hidden, cast(Conv1d, layer.conv), weights)
        hidden = finished(block, hidden, layer, encoder)
    return hidden


def quantised_convolution(
    block: Block, hidden: Value, layer: Conv1d, weights: RoundedWeights
) -> Value:
    """(batch, T, in) -> (batch, T', out), in u8 by s8.

    A window's levels are its values by what they span, by which the product is put right.
    """
    windows = windows_of(block, hidden, layer)
    span = span_of(block, windows)
    factor = block.node("Div", block.floats(np.array(ABOVE)), span)
    one, zero = block.floats(np.array(1)), block.weight(np.array(ZERO, np.uint8))
    levels = block.node("QuantizeLinear", block.node("Mul", windows, factor), one, zero)
    scale = block.floats(np.array(1 / ABOVE))
    product = integer_product(block, levels, scale, zero, weights[layer])
    result = block.node("Mul", product, span)
    if layer.bias is None:
        return result
    return block.node("Add", result, block.floats(array(layer.bias)))


def windows_of(block: Block, hidden: Value, layer: Conv1d) -> Value:
    """What the convolution sees: (batch, T, in) -> (batch, T', kernel * in)."""
    [kernel], [stride] = layer.kernel_size, layer.stride
    moments = block.node("Squeeze", block.node("Shape", hidden, start=1, end=2))
    end = block.node("Sub", moments, block.weight(np.array(kernel - 1)))
    taken = window_places(block, end, stride, kernel)
    windows = block.node("Gather", hidden, taken, axis=1)  # (batch, T', kernel, in)
    return block.node("Reshape", windows, block.ints(0, -1, kernel * layer.in_channels))


def span_of(block: Block, windows: Value) -> Value:
    """What the levels above the zero point have to reach in each window: (batch, T', 1), above 0.

    Its largest value, or more where the levels below have to reach further.
    """
    high = block.node("ReduceMax", windows, block.ints(2))
    low = block.node("ReduceMin", windows, block.ints(2))
    below = block.node("Mul", low, block.floats(np.array(-ABOVE / ZERO)))
    return block.node("Max", high, below, block.floats(np.array(SILENCE)))


def finished(block: Block, hidden: Value, layer: Module, encoder: Encoder) -> Value:
    """What comes behind a convolution, over the channels (batch, T, channels), in float32."""
    if encoder.config.feat_extract_norm == "layer":
        hidden = layer_norm(block, hidden, cast(LayerNorm, layer.layer_norm))
    return activation(block, hidden, encoder.config.feat_extract_activation)
