"""Wav2Vec2's positional convolution in 8-bit integers: (batch, F, width) to the same shape.

Each of its groups is a product. Rows are AT_ONCE neighbouring frames: a row holds all that these
see, and the weights stand in it once for each of them, shifted.
"""

import numpy as np
import torch
from torch.nn import Conv1d

from edge_export.blocks import Array, Block, Value
from edge_export.integers import integer_product
from edge_export.layers import array
from edge_export.rounding import nearest

AT_ONCE = 2
"""Each weight is there so many times, and as many times fewer bytes are copied to rows."""


def quantised_position(block: Block, hidden: Value, layer: Conv1d) -> Value:
    """The convolution alone. An even kernel pads one frame less behind the clip than before it."""
    [kernel], groups = layer.kernel_size, layer.groups
    width, out = layer.in_channels // groups, layer.out_channels // groups
    weight, bias = array(layer.weight), array(layer.bias)
    span = blocks_of(kernel)
    frames = block.node("Shape", hidden, start=1, end=2)
    rows = block.node(
        "Div", block.node("Add", frames, block.ints(AT_ONCE - 1)), block.ints(AT_ONCE)
    )
    padded = padded_clip(block, hidden, frames, rows, kernel)
    levels, scale, zero = block.nodes("DynamicQuantizeLinear", padded, outputs=3)
    by_group = block.node("Reshape", levels, block.ints(0, -1, AT_ONCE, groups, width))
    by_group = block.node("Transpose", by_group, perm=[3, 0, 1, 2, 4])
    clips = block.nodes("Split", by_group, outputs=groups, axis=0, num_outputs=groups)
    taken = seen_blocks(block, rows, span)
    results = []
    for group, clip in enumerate(clips):
        own = slice(group * out, (group + 1) * out)
        seen = block.node("Gather", clip, taken, axis=2)  # (1, batch, rows, span, AT_ONCE, width)
        matrix = block.node("Reshape", seen, block.ints(-1, span * AT_ONCE * width))
        rounded = nearest(torch.from_numpy(shifted(weight[own])))
        biases = block.floats(np.tile(bias[own], AT_ONCE))
        results.append(integer_product(block, matrix, scale, zero, rounded, biases))
    return joined(block, results, hidden, frames, out)


def blocks_of(kernel: int) -> int:
    """Blocks of AT_ONCE frames that as many neighbouring frames see."""
    return -(-(kernel + AT_ONCE - 1) // AT_ONCE)


def seen_blocks(block: Block, rows: Value, span: int) -> Value:
    """Which blocks each row holds: int64 (rows, span)."""
    zero, one = block.weight(np.array(0)), block.weight(np.array(1))
    first = block.node("Range", zero, block.node("Squeeze", rows), one)
    return block.node(
        "Add", block.node("Unsqueeze", first, block.ints(1)), block.ints(*range(span))
    )


def padded_clip(block: Block, hidden: Value, frames: Value, rows: Value, kernel: int) -> Value:
    """(batch, F, width) with zeros before it and behind, so that every row is whole."""
    before = kernel // 2
    whole = block.node("Add", rows, block.ints(blocks_of(kernel) - 1))
    whole = block.node("Mul", whole, block.ints(AT_ONCE))
    after = block.node("Sub", block.node("Sub", whole, frames), block.ints(before))
    pads = block.node("Concat", block.ints(0, before, 0, 0), after, block.ints(0), axis=0)
    return block.node("Pad", hidden, pads)


def shifted(weight: Array) -> Array:
    """(out, in, kernel) -> (AT_ONCE * out, rows' width), zeros where a frame doesn't look."""
    out, width, kernel = weight.shape
    result = np.zeros((AT_ONCE, out, blocks_of(kernel) * AT_ONCE, width), np.float32)
    for shift in range(AT_ONCE):
        result[shift, :, shift : shift + kernel] = weight.transpose(0, 2, 1)
    return result.reshape(AT_ONCE * out, -1)


def joined(block: Block, results: list[Value], hidden: Value, frames: Value, out: int) -> Value:
    """The groups' (batch * rows, AT_ONCE * out) -> (batch, F, width)."""
    batch = block.node("Shape", hidden, start=0, end=1)
    shape = block.node("Concat", batch, block.ints(-1, out), axis=0)
    clips = [block.node("Reshape", result, shape) for result in results]
    whole = block.node("Concat", *clips, axis=2)
    return block.node("Slice", whole, block.ints(0), frames, block.ints(1))
