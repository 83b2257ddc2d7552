"""The product in 8-bit integers that all quantised layers are."""

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
