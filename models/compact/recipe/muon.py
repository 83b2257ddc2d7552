"""Muon, for the weights of linear layers and of convolutions, in single precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim import Optimizer

_MOMENTUM = 0.95
_SLOPES = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that pulls singular values to about 1: of x, x^3 and x^5."""
_ROUNDS = 5
_RMS = 0.2
"""Of an entry of a step at a rate of 1: as large as AdamW's (Liu et al., arXiv:2502.16982)."""


class Muon(Optimizer):
    """A step goes as far in every direction that the momentum has (Jordan et al., 2024).

    Filters of a convolution, (out, in, width), are a matrix of as many rows as there are filters.
    torch's own Muon takes matrices only, and finds the directions in bfloat16, which is most of the
    time of a training step on a processor that has none.
    """

    def __init__(self, weights: list[Tensor], peak: float, weight_decay: float) -> None:
        """Weights of two dimensions or more; `peak` is the learning rate until another is set."""
        group = {"params": weights, "peak": peak}
        super().__init__([group], {"lr": peak, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Take a step along the weights' gradients, with Nesterov momentum."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.lerp_(weight.grad, 1 - _MOMENTUM)
                ahead = weight.grad.lerp(momentum, _MOMENTUM).flatten(start_dim=1)
                size = _RMS * math.sqrt(max(ahead.shape))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(group["lr"] * size * orthogonalised(ahead).view_as(weight))


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix (rows, columns) of the same singular vectors, with singular values of 0.7 to 1.2,
    by Newton-Schulz iteration."""
    tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if tall else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    first, third, fifth = _SLOPES
    for _ in range(_ROUNDS):
        gram = wide @ wide.T
        pull = torch.addmm(gram, gram, gram, beta=third, alpha=fifth)
        wide = torch.addmm(wide, pull, wide, beta=first)
    return wide.T if tall else wide
