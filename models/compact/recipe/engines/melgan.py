"""MelGAN copy-synthesis with the vocoder that ttskit bundles."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from jobs import jobs_from_arguments, run
from mel import HOP, Alteration, Vocoder, copier, through
from numpy.typing import NDArray
from pickled import pickled_weights
from torch import Tensor, nn
from torch.nn.utils import remove_weight_norm, weight_norm
from torch.nn.utils.weight_norm import WeightNorm

MODEL = "ttskit/resource/model/melgan.kuangdd.pt"
_STAGES = ((512, 256, 8), (256, 128, 8), (128, 64, 2), (64, 32, 2))
"""Input channels, output channels and factor of each upsampling stage: 256 samples a frame."""
_PAD_FRAMES = 10
_SILENCE = -11.5129
"""ln(1e-5), the floor of the mel spectrogram."""


class ResidualStack(nn.Module):
    """Three dilated residual blocks with learned shortcuts (MelGAN, arXiv:1910.06711)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(self._block(channels, 3**i) for i in range(3))
        self.shortcuts = nn.ModuleList(
            weight_norm(nn.Conv1d(channels, channels, 1)) for _ in range(3)
        )

    @staticmethod
    def _block(channels: int, dilation: int) -> nn.Sequential:
        return nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.ReflectionPad1d(dilation),
            weight_norm(nn.Conv1d(channels, channels, 3, dilation=dilation)),
            nn.LeakyReLU(0.2),
            weight_norm(nn.Conv1d(channels, channels, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept: (batch, channels, time)."""
        for block, shortcut in zip(self.blocks, self.shortcuts, strict=True):
            x = shortcut(x) + block(x)
        return x


class Generator(nn.Module):
    """Log-mel (batch, 80, frames) -> waveform (batch, 1, 256 * frames)."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.ReflectionPad1d(3), weight_norm(nn.Conv1d(80, 512, 7))]
        for inputs, outputs, factor in _STAGES:
            up = nn.ConvTranspose1d(inputs, outputs, 2 * factor, factor, factor // 2)
            layers += [nn.LeakyReLU(0.2), weight_norm(up), ResidualStack(outputs)]
        layers += [nn.LeakyReLU(0.2), nn.ReflectionPad1d(3)]
        layers += [weight_norm(nn.Conv1d(32, 1, 7)), nn.Tanh()]
        self.generator = nn.Sequential(*layers)

    def forward(self, mel: Tensor) -> Tensor:
        """Undo the training-time scaling of the mel spectrogram, then upsample it."""
        audio: Tensor = self.generator((mel + 5) / 5)
        return audio


_OWN = ("melgan.model.generator.Generator", "melgan.model.res_stack.ResStack")
_TRUSTED = (
    nn.ReflectionPad1d,
    nn.Tanh,
    nn.LeakyReLU,
    nn.Sequential,
    nn.ModuleList,
    nn.ConvTranspose1d,
    nn.Conv1d,
    WeightNorm,
)


def load_generator(path: Path) -> Generator:
    """The bundled generator in evaluation mode."""
    generator = Generator()
    generator.load_state_dict(pickled_weights(path, _OWN, _TRUSTED))
    for module in generator.modules():
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)
    return generator.eval()


@torch.no_grad()
def altered(generator: Generator, alteration: Alteration) -> Generator:
    """A copy of the generator with its convolutions' weights altered."""
    changed = copy.deepcopy(generator)
    tensors = [parameter for parameter in changed.parameters() if parameter.ndim > 1]
    weights = alteration.apply(tensor.numpy() for tensor in tensors)
    for tensor, weight in zip(tensors, weights, strict=True):
        tensor.copy_(torch.from_numpy(weight))
    return changed


def vocoder(models: Path) -> Vocoder:
    """Log-mel (80, frames) -> waveform (samples,), by altered weights if it is told to."""
    model = load_generator(models / MODEL)

    def vocode(mel: NDArray[np.float32], alteration: Alteration | None) -> NDArray[np.float32]:
        """Padded at the end, where MelGAN clicks."""
        padded = np.pad(mel, ((0, 0), (0, _PAD_FRAMES)), constant_values=_SILENCE)
        generator = altered(model, alteration) if alteration else model
        with torch.inference_mode():
            audio = generator(torch.from_numpy(padded)[None]).reshape(-1).numpy()
        return np.asarray(audio[: HOP * mel.shape[1]])

    return vocode


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(copier(through(vocoder(Path(sys.argv[2])))), jobs_from_arguments())
