"""The recipe's Muon: as far in every direction, filters too, and as torch's does it."""

import math

import pytest
import torch
from torch import Tensor, nn

from muon import Muon, orthogonalised

RATE = 0.5


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_filters_move_as_far_in_every_direction() -> None:
    filters = nn.Parameter(torch.zeros(8, 4, 3))
    filters.grad = drawn(8, 4, 3)
    Muon([filters], peak=RATE, weight_decay=0).step()
    moved = filters.detach().flatten(start_dim=1) / (RATE * 0.2 * math.sqrt(12))
    lengths = torch.linalg.svdvals(moved)
    assert lengths.min() > 0.6
    assert lengths.max() < 1.3
    assert (moved * filters.grad.flatten(start_dim=1)).sum() < 0


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_a_matrix_keeps_its_singular_vectors(shape: tuple[int, int]) -> None:
    left, lengths, right = torch.linalg.svd(drawn(*shape), full_matrices=False)
    found = orthogonalised(left @ torch.diag(lengths) @ right)
    along = left.T @ found @ right.T
    assert along == pytest.approx(torch.diag(along.diagonal()), abs=1e-4)
    assert along.diagonal().min() > 0.6
    assert along.diagonal().max() < 1.3


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_its_steps_are_those_of_torch(shape: tuple[int, int]) -> None:
    ours, theirs = (nn.Parameter(drawn(*shape)) for _ in range(2))
    optimizers = (
        Muon([ours], RATE, weight_decay=0.1),
        torch.optim.Muon([theirs], RATE, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for step in range(1, 4):
        ours.grad = theirs.grad = step * drawn(*shape).roll(step, dims=1)
        for optimizer in optimizers:
            optimizer.step()
    assert ours.detach() == pytest.approx(theirs.detach(), abs=0.02)  # torch's are in bfloat16
