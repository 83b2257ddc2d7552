"""Wav2Vec2's front end in 8-bit integers: waveform (batch, samples) to frames (batch, F, channels).

All convolutions but the first, whose input is one channel, are products of u8 activations by s8
weights. Activations are (batch, time, channels), so that a strided convolution is a copy of whole
rows of bytes and one product. One scale for loud and quiet moments alike would lose the quiet ones:
the clip goes through in short tiles, each with scales of its own.
"""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from torch.nn import Conv1d, LayerNorm, Module

from edge_export.blocks import MICROSOFT, Block, Value
from edge_export.encoder import Encoder
from edge_export.front_end import (
    ceil_divide,
    first_windows,
    folded_group_norm,
    frame_count,
    no_frames,
    spacing,
)
from edge_export.layers import activation, array, layer_norm
from edge_export.quantisation import quantise_columns

TILE_FRAMES = 5
"""0.1 s. With 0.2 s, the front end of a base model errs 2 to 7 times as much (1 - cosine)."""
TILES_TOGETHER = 10
"""What is put together before it joins all the frames, so that long clips are not copied often."""


def quantised_front_end(block: Block, waveform: Value, encoder: Encoder) -> Value:
    """(batch, samples) -> (batch, F, channels).

    Tiles start every TILE_FRAMES frames whatever the clip's length; the last one is filled up with
    the last sample. Frames of full tiles depend on the clip's length by nothing but what is
    computed of the whole clip: its level and, in a "group" model, the first normalisation. The
    clips of a batch share their scales.
    """
    layers = cast(Sequence[Module], encoder.model.feature_extractor.conv_layers)
    first = first_weight(block, waveform, encoder)
    step, overlap = spacing(encoder)
    hop = step * TILE_FRAMES
    total = frame_count(block, waveform, encoder)
    count = ceil_divide(block, total, block.ints(TILE_FRAMES))
    needed = block.node("Add", block.node("Mul", count, block.ints(hop)), block.ints(overlap))
    filled = fill_up(block, waveform, needed)

    def tile(inner: Block, number: Value) -> Value:
        start = inner.node("Mul", number, inner.ints(hop))
        end = inner.node("Add", start, inner.ints(hop + overlap))
        part = inner.node("Slice", filled, start, end, inner.ints(1))
        return tile_frames(inner, part, first, layers, encoder)

    frames = joined(block, count, no_frames(block, waveform, encoder), tile)
    return block.node("Slice", frames, block.ints(0), total, block.ints(1))


def joined(
    block: Block, count: Value, empty: Value, tile: Callable[[Block, Value], Value]
) -> Value:
    """`tile(block, number)` of the numbers 0 to `count` - 1, one behind the other in time."""

    def several(inner: Block, index: Value, done: Value) -> Value:
        before = inner.node("Mul", index, inner.ints(TILES_TOGETHER))
        left = inner.node("Min", inner.node("Sub", count, before), inner.ints(TILES_TOGETHER))

        def one_more(deeper: Block, index: Value, done: Value) -> Value:
            frames = tile(deeper, deeper.node("Add", index, before))
            return deeper.node("Concat", done, frames, axis=1)

        tiles = inner.loop(inner.node("Squeeze", left), empty, one_more)
        return inner.node("Concat", done, tiles, axis=1)

    trips = ceil_divide(block, count, block.ints(TILES_TOGETHER))
    return block.loop(block.node("Squeeze", trips), empty, several)


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


def fill_up(block: Block, waveform: Value, needed: Value) -> Value:
    """(batch, samples) -> (batch, at least `needed`): the last sample again and again.

    Zeros would be a step, louder than the clip where it has an offset.
    """
    samples = block.node("Shape", waveform, start=1, end=2)
    missing = block.node("Max", block.node("Sub", needed, samples), block.ints(0))
    pads = block.node("Concat", block.ints(0, 0, 0), missing, axis=0)
    return block.node("Pad", waveform, pads, mode="edge")


def tile_frames(
    block: Block, waveform: Value, first: Value, layers: Sequence[Module], encoder: Encoder
) -> Value:
    """A tile's samples (batch, `tile_lengths`[0]) -> (batch, TILE_FRAMES, channels)."""
    convolutions = [cast(Conv1d, layer.conv) for layer in layers]
    windows = first_windows(block, waveform, convolutions[0])
    hidden = block.node("MatMul", block.node("Transpose", windows, perm=[0, 2, 1]), first)
    hidden = finished(block, hidden, layers[0], encoder)
    lengths = tile_lengths(convolutions)
    for layer, convolved, length in zip(layers[1:], convolutions[1:], lengths[2:], strict=True):
        hidden = quantised_convolution(block, hidden, convolved, length)
        hidden = finished(block, hidden, layer, encoder)
    return hidden


def tile_lengths(layers: Sequence[Conv1d]) -> list[int]:
    """Of a tile in time: before the first convolution (samples), and behind each (frames)."""
    lengths = [TILE_FRAMES]
    for layer in reversed(layers):
        [kernel], [stride] = layer.kernel_size, layer.stride
        lengths.insert(0, (lengths[0] - 1) * stride + kernel)
    return lengths


def quantised_convolution(block: Block, hidden: Value, layer: Conv1d, length: int) -> Value:
    """(batch, T, in) -> (batch, `length`, out), in u8 by s8."""
    [kernel], [stride] = layer.kernel_size, layer.stride
    levels, scale, zero = block.nodes("DynamicQuantizeLinear", hidden, outputs=3)
    taken = stride * np.arange(length)[:, np.newaxis] + np.arange(kernel)
    windows = block.node("Gather", levels, block.weight(taken), axis=1)
    rows = block.node("Reshape", windows, block.ints(0, length, kernel * layer.in_channels))
    by_tap = array(layer.weight).transpose(2, 1, 0)  # (kernel, in, out)
    weight, weight_scale = quantise_columns(by_tap.reshape(-1, layer.out_channels))
    bias = [block.floats(array(layer.bias))] if layer.bias is not None else []
    factors = [scale, block.floats(weight_scale), zero, ""]  # the weights' zero point: 0
    inputs = [rows, block.weight(weight), *factors, *bias]
    return block.node("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)


def finished(block: Block, hidden: Value, layer: Module, encoder: Encoder) -> Value:
    """What comes behind a convolution, over the channels (batch, T, channels), in float32."""
    if encoder.config.feat_extract_norm == "layer":
        hidden = layer_norm(block, hidden, cast(LayerNorm, layer.layer_norm))
    return activation(block, hidden, encoder.config.feat_extract_activation)
