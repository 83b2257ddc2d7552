"""Weights of modules that were pickled as a whole, read without running anything of the pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


def pickled_weights(
    path: Path, own: tuple[str, ...], trusted: tuple[type, ...]
) -> dict[str, Tensor]:
    """The state dictionary of a pickled module.

    It is read with `weights_only=True`, with stand-ins for its `own` classes, given by their full
    names, and with those of torch that are `trusted`.

    Raises:
        UnpicklingError: The pickle names something else.
    """
    stand_ins = [(type(name, (nn.Module,), {}), name) for name in own]
    sets = (set, "__builtin__.set")  # as Python 2 names it, in whose protocol torch pickles
    with torch.serialization.safe_globals([*stand_ins, sets, *trusted]):
        module = torch.load(path, map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = module.state_dict()
    return weights
