"""Training of the generators that are made here, by the errors of what they reconstruct."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)
_SPECTRA = (256, 512, 1024)


@dataclass(frozen=True)
class Schedule:
    """How long a generator learns, and from how much at once."""

    steps: int
    crops: int
    """In a step."""
    samples: int
    """Of each crop."""
    peak_rate: float
    """The learning rate at first; it falls to zero linearly."""


def trained(
    model: Model,
    weights: Path,
    clips: Callable[[], list[NDArray[np.float32]]],
    error: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    seed: int,
) -> Model:
    """The model in evaluation mode, taught to reconstruct crops (batch, samples) of the clips
    unless its weights lie at the path."""
    if not weights.exists():
        _train(model, clips(), error, schedule, seed)
        part = weights.with_suffix(".part")
        torch.save(model.state_dict(), part)
        part.replace(weights)
    model.load_state_dict(torch.load(weights, weights_only=True))
    return model.eval()


def _train(
    model: nn.Module,
    clips: list[NDArray[np.float32]],
    error: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters())
    for step in range(schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.peak_rate * (1 - step / schedule.steps)
        crops = []
        for clip in (clips[i] for i in rng.integers(len(clips), size=schedule.crops)):
            start = rng.integers(len(clip) - schedule.samples)
            crops.append(clip[start : start + schedule.samples])
        wanted = torch.from_numpy(np.stack(crops))
        loss = error(model(wanted), wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()


def spectral_error(made: Tensor, wanted: Tensor) -> Tensor:
    """Of the magnitudes of (batch, samples) in three resolutions, plain and logarithmic."""
    total = torch.zeros(())
    for size in _SPECTRA:
        a, b = (
            torch.stft(
                x, size, size // 4, window=torch.hann_window(size), return_complex=True
            ).abs()
            for x in (made, wanted)
        )
        logarithms = torch.log(a + 1e-3) - torch.log(b + 1e-3)
        total = total + (a - b).abs().mean() / b.mean() + 0.3 * logarithms.abs().mean()
    return total
