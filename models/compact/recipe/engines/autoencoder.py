"""Copy-synthesis by small autoencoders of the waveform, trained here on the clips that they copy.

They stand in for the neural generators that no package ships: what such a generator leaves in a
voice comes from how it upsamples, so each one has its own factors and its own way to do it. They
are trained alike, by the errors of the waveform and of its spectrograms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import prod
from pathlib import Path

import numpy as np
import soundfile
import torch
from jobs import Job, jobs_from_arguments, run, write_wav
from reconstruction import Schedule, spectral_error, trained
from torch import Tensor, nn
from torch.nn import functional

_RATE = 16_000
_SCHEDULE = Schedule(steps=500, crops=6, samples=6_400, peak_rate=4e-3)
_WIDTH, _MOST_CHANNELS = 16, 128
_NOISE = 0.02
"""Of the code in training, relative to its deviation: it must hold more than least significant
digits."""


@dataclass(frozen=True)
class Shape:
    """What makes a generator's traces its own."""

    factors: tuple[int, ...]
    """By which it shortens the waveform, and upsamples the code again in the opposite order."""
    upsampling: str
    """transposed, nearest, linear or sub-pixel."""
    code: int
    """Numbers for each frame of the code."""


SHAPES = (
    Shape((4, 4), "transposed", 10),
    Shape((5, 3), "nearest", 9),
    Shape((8, 8), "transposed", 32),
    Shape((2, 2, 4), "sub-pixel", 10),
    Shape((5, 4, 3), "linear", 30),
    Shape((8,), "transposed", 5),
)


class SubPixel(nn.Module):
    """(batch, factor * channels, time) -> (batch, channels, factor * time)."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Channels become neighbours in time."""
        batch, channels, time = x.shape
        parts = x.view(batch, channels // self.factor, self.factor, time)
        return parts.transpose(2, 3).reshape(batch, -1, time * self.factor)


class Residual(nn.Module):
    """A convolution, a pointwise one, and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(channels, channels, 3, padding=1)
        self.point = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept."""
        inner = self.wide(functional.leaky_relu(x, 0.2))
        changed: Tensor = x + self.point(functional.leaky_relu(inner, 0.2))
        return changed


class Autoencoder(nn.Module):
    """Waveform -> code -> waveform."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [min(_WIDTH << i, _MOST_CHANNELS) for i in range(len(shape.factors) + 1)]
        down = [
            (nn.LeakyReLU(0.2), nn.Conv1d(a, b, 2 * factor + 1, factor, factor))
            for a, b, factor in zip(widths, widths[1:], shape.factors, strict=False)
        ]
        up = [
            (nn.LeakyReLU(0.2), _upsample(shape.upsampling, b, a, factor), Residual(a))
            for a, b, factor in zip(widths, widths[1:], shape.factors, strict=False)
        ]
        last = widths[-1]
        self.factor = prod(shape.factors)
        self.encoder = nn.Sequential(
            nn.Conv1d(1, _WIDTH, 7, padding=3),
            *chain(*down),
            Residual(last),
            nn.Conv1d(last, shape.code, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(shape.code, last, 7, padding=3),
            *chain(*reversed(up)),
            nn.LeakyReLU(0.2),
            nn.Conv1d(_WIDTH, 1, 7, padding=3),
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, samples), shape kept."""
        samples = waveforms.shape[-1]
        padded = functional.pad(waveforms, (0, -samples % self.factor))
        code = self.encoder(padded[:, None])
        if self.training:
            code = code + _NOISE * code.detach().std() * torch.randn_like(code)
        made: Tensor = self.decoder(code)[:, 0, :samples]
        return made


def _upsample(kind: str, inputs: int, outputs: int, factor: int) -> nn.Module:
    if kind == "transposed":
        edge, odd = (factor + 1) // 2, factor % 2
        return nn.ConvTranspose1d(inputs, outputs, 2 * factor, factor, edge, odd)
    if kind == "sub-pixel":
        return nn.Sequential(nn.Conv1d(inputs, outputs * factor, 3, padding=1), SubPixel(factor))
    return nn.Sequential(
        nn.Upsample(scale_factor=factor, mode=kind),
        nn.Conv1d(inputs, outputs, 2 * factor + 1, padding=factor),
    )


def load_autoencoder(index: int, jobs: list[Job]) -> Autoencoder:
    """That of the shape of this number, trained unless its weights lie beside the outputs."""
    return trained(
        Autoencoder(SHAPES[index]),
        Path(jobs[0].out).with_name(f"{index}.pt"),
        lambda: [soundfile.read(job.source, dtype="float32")[0] for job in jobs],
        error,
        _SCHEDULE,
        seed=index,
    )


def error(made: Tensor, wanted: Tensor) -> Tensor:
    """Of the samples and of the spectrograms."""
    return 20 * (made - wanted).abs().mean() + spectral_error(made, wanted)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    all_jobs = jobs_from_arguments()
    models = [load_autoencoder(index, all_jobs) for index in range(len(SHAPES))]
    shape_of = {job.out: index % len(SHAPES) for index, job in enumerate(all_jobs)}

    def copy(job: Job, part: Path) -> None:
        """A copy by the autoencoder whose turn it is."""
        waveform, _ = soundfile.read(job.source, dtype="float32")
        with torch.inference_mode():
            made = models[shape_of[job.out]](torch.from_numpy(waveform)[None])[0].numpy()
        write_wav(part, (np.clip(made, -1, 1) * (2**15 - 1)).astype("<i2").tobytes(), _RATE)

    run(copy, all_jobs)
