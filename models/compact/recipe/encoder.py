"""The encoder's shape, its input normalisation, and the training-time heads on top of it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.signal import firwin  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

import teacher
from waveform import SAMPLE_RATE

ENCODER_FOLDER = "compact-wav2vec2"
"""In the work folder; the model package names its encoder after it."""

CONFIG = Wav2Vec2Config(
    hidden_size=192,
    num_hidden_layers=4,
    num_attention_heads=4,
    intermediate_size=512,
    # Short filters, narrow where the frame rate is high: what a vocoder leaves shows within a pitch
    # period. A last stride more than usual gives 25 frames a second, half the cost of the layers.
    conv_dim=(32, 64, 96, 128, 160, 192, 192, 192),
    conv_kernel=(10, 3, 3, 3, 3, 3, 2, 2),
    conv_stride=(5, 2, 2, 2, 2, 2, 2, 2),
    conv_bias=True,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    num_conv_pos_embeddings=32,
    num_conv_pos_embedding_groups=16,
    layerdrop=0.0,
    hidden_dropout=0.05,
    attention_dropout=0.0,
    activation_dropout=0.0,
    feat_proj_dropout=0.05,
    mask_time_prob=0.0,
)
_HOP = math.prod(CONFIG.conv_stride)
_FIELD = 800
"""Samples that one frame of the convolutions sees."""
_WINDOW = 400
"""Samples of the spectrum's window, in the middle of the field."""
_LOW_PASS_HZ, _LOW_PASS_TAPS = 3_500, 91
"""Of the saved encoder: above a telephone's band recordings differ more than voices do."""
MIN_SAMPLES = _FIELD + _LOW_PASS_TAPS - 1
"""That one frame of the saved encoder sees."""


def normalise(waveforms: Tensor) -> Tensor:
    """Zero mean and unit variance per clip, (batch, samples), as the feature extractor does it."""
    centred = waveforms - waveforms.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + 1e-7)


@dataclass(frozen=True)
class Prediction:
    """What the training loss sees of a batch."""

    heard: Tensor
    """(batch, frames, size): what the teacher hears, standardised."""
    spoof_logits: Tensor
    """(batch,)"""
    spectrum: Tensor
    """(batch, frames, bins), predicted by the convolutions alone."""


class Student(nn.Module):
    """Wav2Vec2 -> the teacher's frames; mean over time -> one logit; convolutions -> a spectrum.

    The spectrum is an auxiliary task: it teaches the convolutions to resolve frequency in a few
    hundred steps, which the labels alone would take many thousands to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Wav2Vec2Model(CONFIG)
        self.heard = nn.Linear(CONFIG.hidden_size, teacher.SIZE)
        self.spoof = nn.Linear(CONFIG.hidden_size, 1)
        self.spectrum = nn.Linear(CONFIG.conv_dim[-1], _WINDOW // 2 + 1)

    def forward(self, waveforms: Tensor) -> Prediction:
        """Predict for normalised waveforms (batch, samples)."""
        output = self.encoder(waveforms)
        hidden = output.last_hidden_state
        logits = self.spoof(hidden.mean(dim=1)).squeeze(-1)
        return Prediction(self.heard(hidden), logits, self.spectrum(output.extract_features))


def frame_count(samples: int) -> int:
    """Frames that the convolutions make of so many samples."""
    for kernel, stride in zip(CONFIG.conv_kernel, CONFIG.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def log_spectrum(waveforms: Tensor, frames: int) -> Tensor:
    """Log magnitudes (batch, frames, bins) amid each feature's field, about standard."""
    inner = waveforms[:, (_FIELD - _WINDOW) // 2 :]
    windowed = inner.unfold(-1, _WINDOW, _HOP)[:, :frames] * torch.hann_window(_WINDOW)
    return (torch.log(torch.fft.rfft(windowed).abs() + 1e-2) + 1.2) / 2.5


@torch.no_grad()
def narrowed(encoder: Wav2Vec2Model) -> Wav2Vec2Model:
    """The same encoder behind a low-pass, which is folded into its first filters: they are longer
    by the low-pass's taps but one, and what comes out is the same as if it were a filter of its
    own."""
    low_pass = torch.from_numpy(firwin(_LOW_PASS_TAPS, _LOW_PASS_HZ, fs=SAMPLE_RATE)).float()
    config = copy.deepcopy(encoder.config)
    config.conv_kernel = (config.conv_kernel[0] + _LOW_PASS_TAPS - 1, *config.conv_kernel[1:])
    narrow = Wav2Vec2Model(config)
    state = encoder.state_dict()
    first = "feature_extractor.conv_layers.0.conv.weight"
    # A convolution layer correlates, so that the filter, symmetric as it is, can be convolved in.
    state[first] = functional.conv1d(state[first], low_pass[None, None], padding=_LOW_PASS_TAPS - 1)
    narrow.load_state_dict(state)
    narrow.train(False)
    return narrow


@torch.inference_mode()
def embed(encoder: Wav2Vec2Model, waveform: Tensor) -> Tensor:
    """The mean-pooled embedding (hidden,) of one raw waveform (samples,)."""
    hidden: Tensor = encoder(normalise(waveform[None])).last_hidden_state
    return hidden.mean(dim=1)[0]


def save_encoder(encoder: Wav2Vec2Model, folder: Path) -> None:
    """Write the Hugging Face folder of what `narrowed` makes of the encoder: config.json,
    model.safetensors, preprocessor_config.json."""
    narrowed(encoder).save_pretrained(folder)
    extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]
        sampling_rate=SAMPLE_RATE, do_normalize=True, return_attention_mask=True
    )
    extractor.save_pretrained(folder)


def load_encoder(folder: Path) -> Wav2Vec2Model:
    """Read such a folder, ready to embed."""
    encoder: Wav2Vec2Model = Wav2Vec2Model.from_pretrained(folder)
    encoder.train(False)
    return encoder
