"""Weights as 8-bit integers, rounded so that what a layer gives of speech changes least.

Rounding each weight to the nearest level errs alike at every frame, and the mean over time keeps
such an error. So each input's weights are rounded in turn, and what that changes is made up for by
those that are still to come, as far as the layer's inputs go together. The method is GPTQ (Frantar
et al. 2022); the inputs are those of clips made by arithmetic, so that no speech is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import Conv1d, Linear, Module

from edge_export.encoder import Encoder, PooledEncoder
from edge_export.probes import calibration_voices

LARGEST = 64
"""Two products of u8 and 64 fit into 16 bits: processors without VNNI add such pairs there, and cut
off what is larger. With 127 the error would be half as large, but only where there is VNNI."""

DAMPING = 0.1
"""Of the mean input's energy, added to each: inputs that hardly occur would be trusted too far."""

TOGETHER = 128
"""Inputs whose effect on all later ones is added at once, which is faster."""

MOST_ROWS = 16_384
"""Of a convolution's inputs, evenly spread, which bounds the memory that they take."""


@dataclass(frozen=True, eq=False)
class RoundedWeight:
    """weight = levels * scale."""

    levels: npt.NDArray[np.int8]
    """(in, out), from -LARGEST to LARGEST."""
    scale: npt.NDArray[np.float32]
    """(out,)"""


RoundedWeights: TypeAlias = dict[Module, RoundedWeight]

RowsOf: TypeAlias = Callable[[Module, torch.Tensor], torch.Tensor]
"""A layer and its inputs -> what it multiplies by its weights: (rows, in)."""


def round_weights(encoder: Encoder) -> RoundedWeights:
    """The weights of every linear layer of the transformer and of all but the first convolution.

    A convolution's inputs are its windows, tap by tap: (kernel * channels, out).
    """
    rounded: RoundedWeights = {}
    hooks = [
        layer.register_forward_pre_hook(rounding_hook(rounded, rows_of))
        for layer, rows_of in quantised_layers(encoder)
    ]
    clips = torch.from_numpy(calibration_voices(encoder.sample_rate))
    try:
        with torch.inference_mode():
            PooledEncoder(encoder.model, encoder.normalize).eval()(clips)
    finally:
        for hook in hooks:
            hook.remove()
    return rounded


def quantised_layers(encoder: Encoder) -> list[tuple[Module, RowsOf]]:
    """Each layer, and what makes rows of its inputs."""
    model = cast(Any, encoder.model)
    linear = [layer for layer in model.encoder.layers.modules() if isinstance(layer, Linear)]
    convolutions = [layer.conv for layer in model.feature_extractor.conv_layers[1:]]
    return [(each, linear_rows) for each in linear] + [(each, window_rows) for each in convolutions]


def rounding_hook(rounded: RoundedWeights, rows_of: RowsOf) -> Callable[[Module, Any], None]:
    """Rounds a layer's weights as soon as its inputs are known, so that no others are kept."""

    def see(layer: Module, inputs: tuple[torch.Tensor]) -> None:
        rows = rows_of(layer, inputs[0])
        rounded[layer] = round_columns(matrix(layer), rows.T @ rows / len(rows))

    return see


def matrix(layer: Module) -> torch.Tensor:
    """A layer's weights (out, in), those of a convolution tap by tap."""
    weight = cast(torch.Tensor, layer.weight)
    return weight if isinstance(layer, Linear) else weight.transpose(1, 2).flatten(1)


def linear_rows(layer: Module, hidden: torch.Tensor) -> torch.Tensor:
    """(…, in) -> (rows, in)"""
    return hidden.flatten(0, -2)


def window_rows(layer: Module, hidden: torch.Tensor) -> torch.Tensor:
    """(batch, channels, T) -> (rows, kernel * channels), loud and quiet ones alike."""
    convolved = cast(Conv1d, layer)
    [kernel], [stride] = convolved.kernel_size, convolved.stride
    windows = hidden.unfold(2, kernel, stride).permute(0, 2, 3, 1).flatten(0, 1)
    rows = windows[:: max(1, len(windows) // MOST_ROWS)].flatten(1)
    return rows / rows.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)


def scale_of(weight: torch.Tensor) -> torch.Tensor:
    """The value of one level for each output: (out, in) -> (out, 1)."""
    largest = weight.abs().amax(dim=1, keepdim=True)
    return torch.where(largest > 0, largest, 1) / LARGEST


def in_levels(levels: torch.Tensor, scale: torch.Tensor) -> RoundedWeight:
    """Whole numbers (out, in) and their scale (out, 1) as they are stored."""
    return RoundedWeight(levels.T.to(torch.int8).numpy(), scale[:, 0].numpy())


def nearest(weight: torch.Tensor) -> RoundedWeight:
    """Each of the weights (out, in) to the level that is next to it."""
    scale = scale_of(weight)
    return in_levels((weight / scale).round(), scale)


def round_columns(weight: torch.Tensor, moments: torch.Tensor) -> RoundedWeight:
    """Round weights (out, in) for inputs whose second moments are (in, in)."""
    scale = scale_of(weight)
    left = weight / scale
    levels = torch.empty_like(left)
    influence = influence_of(moments)
    for start in range(0, left.shape[1], TOGETHER):
        end = min(start + TOGETHER, left.shape[1])
        errors = torch.empty(len(left), end - start)
        for i in range(start, end):
            levels[:, i] = left[:, i].round().clamp(-LARGEST, LARGEST)
            errors[:, i - start] = (left[:, i] - levels[:, i]) / influence[i, i]
            left[:, i:end] -= torch.outer(errors[:, i - start], influence[i, i:end])
        left[:, end:] -= errors @ influence[start:end, end:]
    return in_levels(levels, scale)


def influence_of(moments: torch.Tensor) -> torch.Tensor:
    """How an error at one input is made up for at later ones: upper triangular, (in, in).

    It is the Cholesky factor of the inverse moments, in float64, as they may be close to singular.
    """
    exact = moments.double()
    energy = exact.diagonal().mean()
    damping = DAMPING * energy if energy > 0 else torch.ones(())
    damped = exact + damping * torch.eye(len(exact), dtype=exact.dtype)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    influence: torch.Tensor = torch.linalg.cholesky(inverse, upper=True)
    return influence.to(moments.dtype)
