"""The pooled encoder as an ONNX file, built operator by operator from the model's weights.

It computes what PooledEncoder does, with the same signature as `graph.write_plain_graph`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto
from torch.nn import LayerNorm, Linear, Module

from edge_export.blocks import Block, Value
from edge_export.encoder import Encoder
from edge_export.front_end import FrontEnd, front_end, in_chunks, normalise
from edge_export.graph import INPUT, OUTPUT, save_graph
from edge_export.layers import (
    FastOperators,
    Operators,
    Shape,
    StandardOperators,
    adapter,
    gemm,
    layer_norm,
    position,
    stable_transformer_layer,
    transformer_layer,
)
from edge_export.quantisation import Int8Operators
from edge_export.quantised_front_end import quantised_front_end
from edge_export.rounding import round_weights


@dataclass(frozen=True)
class Recipe:
    """What the graphs differ in."""

    operators: Operators
    front: FrontEnd
    float_type: Any = np.float32
    """Of what is neither int8 nor, as normalisation and the mean are, float64."""


def int8_recipe(encoder: Encoder) -> Recipe:
    """The convolutions and the linear layers of the transformer in int8."""
    weights = round_weights(encoder)
    return Recipe(Int8Operators(weights), partial(quantised_front_end, weights=weights))


RECIPES: dict[str, Callable[[Encoder], Recipe]] = {
    # For onnxruntime's CPU, with operators of its own (com.microsoft).
    "fast": lambda _: Recipe(FastOperators(), in_chunks),
    # Operators of the ONNX standard alone and no loop, for any provider.
    "standard": lambda _: Recipe(StandardOperators(), front_end),
    "int8": int8_recipe,
    # For GPUs.
    "fp16": lambda _: Recipe(StandardOperators(), front_end, np.float16),
}


def write_built_graph(recipe: str, encoder: Encoder, path: Path) -> None:
    """Write waveform (batch, samples) -> embedding (batch, hidden), float32, both axes dynamic.

    Raises:
        EncoderError: the encoder has a part that is not known here.
        ExportError: the graph does not fit into one file.
    """
    save_graph(build_graph(encoder, RECIPES[recipe](encoder)), path)


def build_graph(encoder: Encoder, recipe: Recipe) -> onnx.ModelProto:
    """The whole encoder."""
    block = Block(float_type=recipe.float_type)
    waveform = normalise(block, INPUT) if encoder.normalize else INPUT
    frames = recipe.front(block, waveform, encoder)
    hidden = transformer(block, frames, encoder, recipe.operators)
    if encoder.model.adapter is not None:
        hidden = adapter(block, hidden, encoder.model.adapter)
    embedding = block.output(mean_over_time(block, hidden), OUTPUT)
    return block.model((INPUT, ["batch", "samples"]), (embedding, ["batch", encoder.hidden_size]))


def transformer(block: Block, frames: Value, encoder: Encoder, operators: Operators) -> Value:
    """Frames (batch, F, channels) -> hidden states (batch, F, width)."""
    model, config = cast(Any, encoder.model), encoder.config
    width, heads = config.hidden_size, config.num_attention_heads
    batch = block.node("Shape", frames, start=0, end=1)
    shape = Shape(block.node("Concat", batch, block.ints(-1, width), axis=0), heads, width)
    hidden = projection(block, frames, model.feature_projection)
    hidden = block.node("Reshape", hidden, shape.frames)
    kind = config.feat_extract_activation
    places = position(block, hidden, model.encoder.pos_conv_embed, operators, kind)
    hidden = block.node("Add", hidden, places)
    hidden = block.node("Reshape", hidden, block.ints(-1, width))
    norm = cast(LayerNorm, model.encoder.layer_norm)
    stable = config.do_stable_layer_norm
    if not stable:
        hidden = layer_norm(block, hidden, norm)
    add_layer = stable_transformer_layer if stable else transformer_layer
    for layer in model.encoder.layers:
        hidden = add_layer(block, hidden, layer, operators, shape, config.hidden_act)
    if stable:
        hidden = layer_norm(block, hidden, norm)
    return block.node("Reshape", hidden, shape.frames)


def projection(block: Block, frames: Value, layer: Module) -> Value:
    """Frames (batch, F, channels) -> (rows, width), in float32 whatever the precision."""
    linear = cast(Linear, layer.projection)
    normed = layer_norm(block, frames, cast(LayerNorm, layer.layer_norm))
    rows = block.node("Reshape", normed, block.ints(-1, linear.in_features))
    return gemm(block, rows, linear)


def mean_over_time(block: Block, hidden: Value) -> Value:
    """(batch, F, width) -> (batch, width), in float64 for the reason in PooledEncoder."""
    exact = block.node("Cast", hidden, to=TensorProto.DOUBLE)
    mean = block.node("ReduceMean", exact, block.ints(1), keepdims=0)
    return block.node("Cast", mean, to=TensorProto.FLOAT)
