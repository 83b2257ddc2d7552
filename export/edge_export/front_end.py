"""Wav2Vec2's front end as ONNX operators: waveform (batch, samples) to frames (batch, F, channels).

Group norm (base) and layer norm (large, XLS-R) have a form of their own each. Both give the same
frames for a part of the clip as for the whole, so that a long clip can go through in chunks.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, cast

import numpy as np
from onnx import TensorProto
from torch.nn import Conv1d, GroupNorm, LayerNorm, Module

from edge_export.blocks import Array, Block, Value
from edge_export.encoder import VARIANCE_FLOOR, Encoder
from edge_export.layers import activation, array, layer_norm

CHUNK_SAMPLES = 16_000
"""A second: its tensors, 512 channels x 3200 at the most, stay within a processor's cache."""

FrontEnd: TypeAlias = Callable[[Block, Value, Encoder], Value]
"""Adds what turns a clip's waveform into frames."""

Frames: TypeAlias = Callable[[Block, Value], Value]
"""The same for any part of the clip: (batch, samples) to (batch, F, channels)."""

FrameBuilder: TypeAlias = Callable[[Block, Value, Encoder], Frames]
"""Computes what depends on the whole clip, once."""


def front_end(block: Block, waveform: Value, encoder: Encoder) -> Value:
    """(batch, samples) -> (batch, F, channels), the whole clip at once."""
    return frame_builder(block, waveform, encoder)(block, block.cast(waveform))


def frame_builder(block: Block, waveform: Value, encoder: Encoder) -> Frames:
    """What does the convolutions, with what of them depends on the whole clip computed once."""
    layers = cast(Sequence[Module], encoder.model.feature_extractor.conv_layers)
    kind = encoder.config.feat_extract_activation
    if encoder.config.feat_extract_norm == "group":
        folded = folded_group_norm(block, waveform, layers[0])
        return partial(group_frames, layers=layers, folded=folded, kind=kind)
    return partial(layer_frames, layers=layers, kind=kind)


def normalise(block: Block, waveform: Value) -> Value:
    """Zero mean and unit variance of each clip, in float64 for the reason in PooledEncoder."""
    exact = block.node("Cast", waveform, to=TensorProto.DOUBLE)
    centred = block.node("Sub", exact, block.node("ReduceMean", exact, block.ints(1)))
    square = block.node("Mul", centred, centred)
    variance = block.node("ReduceMean", square, block.ints(1))
    raised = block.node("Add", variance, block.weight(np.array(VARIANCE_FLOOR)))
    scaled = block.node("Div", centred, block.node("Sqrt", raised))
    return block.node("Cast", scaled, to=TensorProto.FLOAT)


def in_chunks(
    block: Block,
    waveform: Value,
    encoder: Encoder,
    builder: FrameBuilder = frame_builder,
    behind: int = 0,
) -> Value:
    """The same frames, chunk after chunk: memory is that of one chunk, however long the clip.

    The chunks are as equal as can be: each but the last has ceil(F / count) frames. Each is given
    the samples that its frames see and `behind` more, which at the clip's end are zeros.
    """
    frames = builder(block, waveform, encoder)
    step, overlap = spacing(encoder)
    most = max(1, CHUNK_SAMPLES // step)
    total = frame_count(block, waveform, encoder)
    count = ceil_divide(block, total, block.ints(most))
    length = block.node("Mul", ceil_divide(block, total, count), block.ints(step))
    reach = block.node("Add", length, block.ints(overlap + behind))
    seen = block.node("Add", block.node("Mul", total, block.ints(step)), block.ints(overlap))
    clip = block.node("Slice", waveform, block.ints(0), seen, block.ints(1))
    clip = block.node("Pad", clip, block.ints(0, 0, 0, behind))

    def chunk(inner: Block, index: Value, done: Value) -> Value:
        start = inner.node("Mul", index, length)
        end = inner.node("Add", start, reach)
        part = inner.node("Slice", clip, start, end, inner.ints(1))
        return inner.node("Concat", done, frames(inner, part), axis=1)

    return block.loop(block.node("Squeeze", count), no_frames(block, waveform, encoder), chunk)


def spacing(encoder: Encoder) -> tuple[int, int]:
    """`step` and `overlap` in samples: F frames span `step` * F + `overlap`."""
    step = int(np.prod(encoder.config.conv_stride))
    return step, encoder.min_samples - step


def frame_count(block: Block, waveform: Value, encoder: Encoder) -> Value:
    """F of (batch, samples), an int64 vector of one."""
    step, overlap = spacing(encoder)
    samples = block.node("Shape", waveform, start=1, end=2)
    return block.node("Div", block.node("Sub", samples, block.ints(overlap)), block.ints(step))


def no_frames(block: Block, waveform: Value, encoder: Encoder) -> Value:
    """(batch, 0, channels), what others are put behind."""
    batch = block.node("Shape", waveform, start=0, end=1)
    shape = block.node("Concat", batch, block.ints(0, encoder.config.conv_dim[-1]), axis=0)
    return block.node("ConstantOfShape", shape)


def ceil_divide(block: Block, a: Value, b: Value) -> Value:
    """ceil(a / b) of positive integers."""
    below = block.node("Sub", block.node("Add", a, b), block.ints(1))
    return block.node("Div", below, b)


def group_frames(
    block: Block, waveform: Value, layers: Sequence[Module], folded: Value, kind: str
) -> Value:
    """Convolutions of a "group" model, the first with `folded` weights."""
    first = cast(Conv1d, layers[0].conv)
    windows = first_windows(block, waveform, first)
    hidden = activation(block, block.node("MatMul", folded, windows), kind)
    hidden = block.node("Unsqueeze", hidden, block.ints(2))
    for layer in layers[1:]:
        hidden = activation(block, convolution(block, hidden, cast(Conv1d, layer.conv)), kind)
    return channels_last(block, hidden)


def layer_frames(block: Block, waveform: Value, layers: Sequence[Module], kind: str) -> Value:
    """Convolutions of a "layer" model: each with a layer norm over its channels."""
    hidden = block.node("Unsqueeze", waveform, block.ints(1, 2))
    for i, layer in enumerate(layers):
        frames = channels_last(block, convolution(block, hidden, cast(Conv1d, layer.conv)))
        frames = layer_norm(block, frames, cast(LayerNorm, layer.layer_norm))
        frames = activation(block, frames, kind)
        if i + 1 < len(layers):
            turned = block.node("Transpose", frames, perm=[0, 2, 1])
            hidden = block.node("Unsqueeze", turned, block.ints(2))
    return frames


def convolution(block: Block, hidden: Value, layer: Conv1d) -> Value:
    """(batch, in, 1, T) -> (batch, out, 1, T'): onnxruntime's direct convolution is 2-D only."""
    weight = block.floats(array(layer.weight)[:, :, np.newaxis])
    bias = [block.floats(array(layer.bias))] if layer.bias is not None else []
    return block.node("Conv", hidden, weight, *bias, strides=[1, *layer.stride])


def channels_last(block: Block, hidden: Value) -> Value:
    """(batch, channels, 1, T) -> (batch, T, channels)."""
    return block.node("Transpose", block.node("Squeeze", hidden, block.ints(2)), perm=[0, 2, 1])


def first_windows(block: Block, waveform: Value, layer: Conv1d) -> Value:
    """The windows that the first convolution sees, and a row of ones for its bias.

    (batch, samples) -> (batch, kernel + 1, T), by a convolution that copies.
    """
    [kernel] = layer.kernel_size
    copies = np.eye(kernel + 1, kernel)[:, np.newaxis]
    ones = np.eye(kernel + 1)[kernel]
    clip = block.node("Unsqueeze", waveform, block.ints(1))
    return block.node(
        "Conv", clip, block.floats(copies), block.floats(ones), strides=list(layer.stride)
    )


def folded_group_norm(block: Block, waveform: Value, layer: Module) -> Value:
    """The first convolution's weights and, as a last column, biases, with GroupNorm over the whole
    clip folded in: (batch, channels, kernel + 1). The arithmetic is FoldedGroupNorm's.
    """
    convolved, norm = cast(Conv1d, layer.conv), cast(GroupNorm, layer.layer_norm)
    weight = block.weight(double(convolved.weight)[:, 0])  # (channels, kernel)
    gain, shift = (block.weight(double(p)[:, np.newaxis]) for p in (norm.weight, norm.bias))
    clip = block.node("Unsqueeze", waveform, block.ints(1))
    [kernel] = convolved.kernel_size
    copies = block.weight(np.eye(kernel, dtype=np.float32)[:, np.newaxis])
    windows = block.node("Conv", clip, copies, strides=list(convolved.stride))
    exact = block.node("Cast", windows, to=TensorProto.DOUBLE)  # (batch, kernel, T)
    mean = block.node("ReduceMean", exact, block.ints(2))
    centred = block.node("Sub", exact, mean)
    count = block.node("Cast", block.node("Shape", exact, start=2, end=3), to=TensorProto.DOUBLE)
    share = block.node("Div", block.node("Transpose", centred, perm=[0, 2, 1]), count)
    covariance = block.node("MatMul", centred, share)  # (batch, kernel, kernel)
    terms = block.node("Mul", block.node("MatMul", weight, covariance), weight)
    variance = block.node("ReduceSum", terms, block.ints(2))  # (batch, channels, 1)
    raised = block.node("Add", variance, block.weight(np.array(norm.eps)))
    scale = block.node("Div", gain, block.node("Sqrt", raised))
    scaled = block.node("Mul", weight, scale)  # (batch, channels, kernel)
    bias = block.node("Sub", shift, block.node("MatMul", scaled, mean))  # (batch, channels, 1)
    folded = block.node("Concat", scaled, bias, axis=2)
    return block.cast(folded)


def double(parameter: object) -> Array:
    """A parameter in float64."""
    return array(parameter).astype(np.float64)
