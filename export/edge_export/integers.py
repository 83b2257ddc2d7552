"""The product in 8-bit integers that all quantised layers are, and the windows that it takes."""

import numpy as np

from edge_export.blocks import MICROSOFT, Block, Value
from edge_export.rounding import RoundedWeight


def integer_product(
    block: Block, levels: Value, scale: Value, zero: Value, weight: RoundedWeight, *bias: Value
) -> Value:
    """u8 (…, in) times s8 (in, out), as float32 (…, out), the bias added where there is one."""
    return block.node(
        "MatMulIntegerToFloat",
        levels,
        block.weight(weight.levels),
        scale,
        block.floats(weight.scale),
        zero,
        "",  # the weights' zero point: 0
        *bias,
        domain=MICROSOFT,
    )


def window_places(block: Block, end: Value, stride: int, size: int) -> Value:
    """Which moments each window takes: int64 (windows, `size`), one starting every `stride`.

    `end` is a scalar: the first moment at which none starts.
    """
    starts = block.node("Range", block.weight(np.array(0)), end, block.weight(np.array(stride)))
    column = block.node("Unsqueeze", starts, block.ints(1))
    return block.node("Add", column, block.weight(np.arange(size)))
