"""Wav2Vec2's front end in 8-bit integers: waveform (batch, samples) to frames (batch, F, channels).

All convolutions but the first, whose input is one channel, are products of u8 activations by s8
weights. Activations are (batch, time, channels), so that the moments of one stride are a row. One
scale for loud and quiet moments alike would lose the quiet ones: each row has a scale of its own,
so that a frame is the same in whatever chunk and batch it is computed.
"""

from collections.abc import Sequence
from functools import partial, reduce
from typing import cast

import numpy as np
from torch.nn import Conv1d, LayerNorm, Module

from edge_export.blocks import Block, Value
from edge_export.encoder import Encoder
from edge_export.front_end import (
    Frames,
    first_windows,
    folded_group_norm,
    in_chunks,
    spacing,
)
from edge_export.integers import integer_product
from edge_export.layers import activation, array, layer_norm
from edge_export.rounding import RoundedWeight, RoundedWeights

ZERO, ABOVE = 64, 191
"""The zero point, which all rows have, and the levels above it: activations lie mostly there."""

SILENCE = 1e-30
"""A row of zeros spans nothing."""

TO_THE_END = 2**31 - 1
"""Where a slice ends that goes on to the last row."""


def quantised_front_end(
    block: Block, waveform: Value, encoder: Encoder, weights: RoundedWeights
) -> Value:
    """(batch, samples) -> (batch, F, channels), chunk after chunk."""
    builder = partial(quantised_frame_builder, weights=weights)
    return in_chunks(block, waveform, encoder, builder, samples_behind(encoder))


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
    """(batch, samples) -> (batch, F, channels), of the clip or a part of it.

    The samples are those that F frames see and `samples_behind` more.
    """
    layers = cast(Sequence[Module], encoder.model.feature_extractor.conv_layers)
    windows = first_windows(block, waveform, cast(Conv1d, layers[0].conv))
    hidden = block.node("MatMul", block.node("Transpose", windows, perm=[0, 2, 1]), first)
    hidden = finished(block, hidden, layers[0], encoder)
    for layer in layers[1:]:
        hidden = quantised_convolution(block, hidden, cast(Conv1d, layer.conv), weights)
        hidden = finished(block, hidden, layer, encoder)
    return hidden


def samples_behind(encoder: Encoder) -> int:
    """Which `quantised_frames` asks for behind those that its frames see.

    They fill up each layer's rows, and no frame hangs on them by more than a row's scale.
    """
    kernels, strides = encoder.config.conv_kernel, encoder.config.conv_stride
    moments = 0  # that F frames need beside those which are a multiple of F
    for kernel, stride in reversed([*zip(kernels, strides, strict=True)][1:]):
        moments = stride * (moments + len(row_widths(kernel, stride)) - 1)
    _, overlap = spacing(encoder)
    return (moments - 1) * strides[0] + kernels[0] - overlap


def quantised_convolution(
    block: Block, hidden: Value, layer: Conv1d, weights: RoundedWeights
) -> Value:
    """(batch, T, in) -> (batch, T', out), in u8 by s8; T is a multiple of the stride.

    A window begins with a row and ends within one of the next: its first taps are a product of the
    former, the others of the latter, and no moment is there twice. A row's levels are its values by
    what they span, by which the products are put right.
    """
    [kernel], [stride] = layer.kernel_size, layer.stride
    rows = block.node("Reshape", hidden, block.ints(0, -1, stride * layer.in_channels))
    span = span_of(block, rows)
    factor = block.node("Div", block.floats(np.array(ABOVE)), span)
    one, zero = block.floats(np.array(1)), block.weight(np.array(ZERO, np.uint8))
    levels = block.node("QuantizeLinear", block.node("Mul", rows, factor), one, zero)
    scale = block.floats(np.array(1 / ABOVE))
    widths = [moments * layer.in_channels for moments in row_widths(kernel, stride)]
    terms = []
    for i, (width, end) in enumerate(zip(widths, np.cumsum(widths), strict=True)):
        start, stop = block.ints(i, 0), block.ints(i + 1 - len(widths) or TO_THE_END, width)
        seen, own = (
            block.node("Slice", part, start, stop, block.ints(1, 2)) for part in (levels, span)
        )
        taps = RoundedWeight(weights[layer].levels[end - width : end], weights[layer].scale)
        product = integer_product(block, seen, scale, zero, taps)
        terms.append(block.node("Mul", product, own))
    if layer.bias is not None:
        terms.append(block.floats(array(layer.bias)))
    return reduce(partial(block.node, "Add"), terms)


def row_widths(kernel: int, stride: int) -> list[int]:
    """How many moments a window takes of the row that it begins with and of each that follows."""
    return [min(stride, kernel - begin) for begin in range(0, kernel, stride)]


def span_of(block: Block, rows: Value) -> Value:
    """What the levels above the zero point have to reach in each row: (batch, rows, 1), above 0.

    Its largest value, or more where the levels below have to reach further.
    """
    high = block.node("ReduceMax", rows, block.ints(2))
    low = block.node("ReduceMin", rows, block.ints(2))
    below = block.node("Mul", low, block.floats(np.array(-ABOVE / ZERO)))
    return block.node("Max", high, below, block.floats(np.array(SILENCE)))


def finished(block: Block, hidden: Value, layer: Module, encoder: Encoder) -> Value:
    """What comes behind a convolution, over the channels (batch, T, channels), in float32."""
    if encoder.config.feat_extract_norm == "layer":
        hidden = layer_norm(block, hidden, cast(LayerNorm, layer.layer_norm))
    return activation(block, hidden, encoder.config.feat_extract_activation)
