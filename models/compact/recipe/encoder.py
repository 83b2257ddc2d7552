"""The encoder's shape, where its training starts, and the training-time head on top of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2LayerNormConvLayer

from waveform import SAMPLE_RATE

ENCODER_FOLDER = "compact-wav2vec2"
"""In the work folder; the model package names its encoder after it."""

_WINDOW = SAMPLE_RATE // 40
_SHORT_WINDOW = SAMPLE_RATE // 160
"""Of every other filter: long ones tell harmonics apart, short ones the pulses of a voice."""
_BANDS = 64
_BAND_EDGES_HZ = (60.0, 7_800.0)
_TILT_HZ = 400.0
"""From here on speech falls by about 6 dB an octave, and the filters rise by as much."""
_GAINS = (1.0, 4.0)
"""Of neighbouring bands in turn: what is quiet in a frame is as audible as what is loud."""

CONFIG = Wav2Vec2Config(
    hidden_size=192,
    num_hidden_layers=4,
    num_attention_heads=4,
    intermediate_size=768,
    # One long first filter with a stride of 5 ms instead of a stack of short ones: the frame rate,
    # which is what a training step costs, falls to 200 Hz at once.
    conv_dim=(4 * _BANDS, 256, 256, 256),
    conv_kernel=(_WINDOW, 4, 3, 3),
    conv_stride=(SAMPLE_RATE // 200, 2, 2, 2),
    conv_bias=True,
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    num_conv_pos_embeddings=32,
    num_conv_pos_embedding_groups=16,
    layerdrop=0.0,
    hidden_dropout=0.1,
    attention_dropout=0.0,
    activation_dropout=0.0,
    feat_proj_dropout=0.1,
    mask_time_prob=0.0,
)


def normalise(waveforms: Tensor) -> Tensor:
    """Zero mean and unit variance per clip, (batch, samples), as the feature extractor does it."""
    centred = waveforms - waveforms.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + 1e-7)


class Detector(nn.Module):
    """Wav2Vec2 -> mean over time -> one logit."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Wav2Vec2Model(CONFIG)
        self.spoof = nn.Linear(CONFIG.hidden_size, 1)
        start_as_filters(self.encoder)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Spoof logits (batch,) of normalised waveforms (batch, samples)."""
        hidden: Tensor = self.encoder(waveforms).last_hidden_state
        logits: Tensor = self.spoof(hidden.mean(dim=1)).squeeze(-1)
        return logits


@torch.no_grad()
def start_as_filters(encoder: Wav2Vec2Model) -> None:
    """Let the first convolution begin as banks of windowed cosines and sines, a band each.

    Random filters need many thousands of steps to tell frequencies apart; these do at once, and
    training is free to move them.
    """
    first = cast(Wav2Vec2LayerNormConvLayer, encoder.feature_extractor.conv_layers[0])
    centres = torch.linspace(*_BAND_EDGES_HZ, _BANDS)[:, None, None, None]
    times = (torch.arange(_WINDOW) - (_WINDOW - 1) / 2) / SAMPLE_RATE
    phases = torch.tensor([0.0, -math.pi / 2])[:, None]
    waves = torch.cos(2 * math.pi * centres * times + phases)
    margin = (_WINDOW - _SHORT_WINDOW) // 2
    long = torch.hann_window(_WINDOW, periodic=False)
    short = functional.pad(torch.hann_window(_SHORT_WINDOW, periodic=False), (margin, margin))
    windows = torch.stack([window / window.sum().sqrt() for window in (long, short)])[:, None]
    tilt = torch.sqrt(1 + (centres / _TILT_HZ) ** 2)
    first.conv.weight.copy_((tilt * windows * waves).reshape(4 * _BANDS, 1, _WINDOW))
    nn.init.zeros_(cast(Tensor, first.conv.bias))
    gains = torch.tensor(_GAINS).repeat(_BANDS // len(_GAINS))
    first.layer_norm.weight.copy_(gains.repeat_interleave(4))


@torch.inference_mode()
def embed(encoder: Wav2Vec2Model, waveform: Tensor) -> Tensor:
    """The mean-pooled embedding (hidden,) of one raw waveform (samples,)."""
    hidden: Tensor = encoder(normalise(waveform[None])).last_hidden_state
    return hidden.mean(dim=1)[0]


def save_encoder(encoder: Wav2Vec2Model, folder: Path) -> None:
    """Write the Hugging Face folder: config.json, model.safetensors, preprocessor_config.json."""
    encoder.save_pretrained(folder)
    extractor = Wav2Vec2FeatureExtractor(  # type: ignore[no-untyped-call]
        sampling_rate=SAMPLE_RATE, do_normalize=True, return_attention_mask=True
    )
    extractor.save_pretrained(folder)


def load_encoder(folder: Path) -> Wav2Vec2Model:
    """Read such a folder, ready to embed."""
    encoder: Wav2Vec2Model = Wav2Vec2Model.from_pretrained(folder)
    encoder.train(False)
    return encoder
