"""Input normalisation, Wav2Vec2 and mean pooling as one torch module, ready to export."""

import copy
import json
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from edge_export.checkpoint import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, Checkpoint
from edge_export.errors import EncoderError, first_line
from edge_export.folding import fold_group_norm

# Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm of transformers
VARIANCE_FLOOR = 1e-7

# The vector that masks frames in pre-training: no part of inference, absent in some checkpoints.
UNUSED_WEIGHTS = {"masked_spec_embed"}


class PooledEncoder(torch.nn.Module):
    """Waveform (batch, samples) to embedding (batch, hidden), both float32."""

    def __init__(self, model: Wav2Vec2Model, normalize: bool) -> None:
        super().__init__()
        self.model = model
        self.normalize = normalize

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Normalise each clip, encode it and average its frames over time."""
        if self.normalize:
            # In float64: onnxruntime's float32 mean is off by 1e-8 of full scale, which the layer
            # norm behind the first convolution blows up where the clip is digital silence.
            exact = waveform.double()
            centred = exact - exact.mean(dim=1, keepdim=True)
            variance = centred.square().mean(dim=1, keepdim=True)
            waveform = (centred / torch.sqrt(variance + VARIANCE_FLOOR)).float()
        hidden: torch.Tensor = self.model(waveform).last_hidden_state
        # In float64: onnxruntime adds frame after frame, and where many are alike (a pause), each
        # float32 sum is rounded the same way.
        return hidden.double().mean(dim=1).float()


@dataclass(frozen=True)
class EncoderSettings:
    """What a Wav2Vec2's config.json and its preprocessor's settings say."""

    config: Wav2Vec2Config
    features: Wav2Vec2FeatureExtractor
    """transformers' own preprocessing, the reference for ours."""

    @property
    def normalize(self) -> bool:
        """Whether each clip is brought to zero mean and unit variance first."""
        return bool(self.features.do_normalize)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self.features.sampling_rate)

    @property
    def hidden_size(self) -> int:
        """Width of the embedding."""
        return int(self.config.output_hidden_size or self.config.hidden_size)

    @property
    def min_samples(self) -> int:
        """Receptive field of the convolutions, (kernel, stride) by (kernel, stride)."""
        field, step = 1, 1
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            field += (kernel - 1) * step
            step *= stride
        return field


@dataclass(frozen=True)
class Encoder(EncoderSettings):
    """A loaded Wav2Vec2."""

    model: Wav2Vec2Model
    """In evaluation mode, float32."""

    def exportable(self) -> Wav2Vec2Model:
        """The same function in other operators, on a copy."""
        model = copy.deepcopy(self.model)
        # torch's fused attention guards against rows of NaN: two more passes over heads x frames^2,
        # which double the time and the memory of a one-minute clip in onnxruntime.
        model.set_attn_implementation("eager")
        fold_group_norm(model)
        return model

    def pooled(self) -> PooledEncoder:
        """The module that is exported."""
        return PooledEncoder(self.exportable(), self.normalize).eval()


def load_encoder(checkpoint: Checkpoint) -> Encoder:
    """Load the weights of a checkpoint in float32.

    Raises:
        EncoderError: another architecture, or weights that don't fill it.
    """
    settings = load_settings(checkpoint)
    try:
        loaded: Any = Wav2Vec2Model.from_pretrained(
            checkpoint.folder,
            use_safetensors=True,
            local_files_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # a broken folder can make transformers raise anything
        raise not_loaded(checkpoint, error) from error
    model, info = loaded
    check_weights(checkpoint, info)
    return Encoder(settings.config, settings.features, model.eval())


def load_settings(checkpoint: Checkpoint) -> EncoderSettings:
    """Read what stands beside the weights or the graph of a checkpoint.

    Raises:
        EncoderError: another architecture, or files that transformers can't read.
    """
    check_config(checkpoint)
    try:
        config = Wav2Vec2Config.from_pretrained(checkpoint.folder, local_files_only=True)
        return EncoderSettings(config, load_features(checkpoint))
    except Exception as error:
        raise not_loaded(checkpoint, error) from error


def not_loaded(checkpoint: Checkpoint, error: Exception) -> EncoderError:
    """What transformers could not do, in one line."""
    return EncoderError(
        f"transformers can't load {checkpoint.origin!r} ({first_line(error)}); check its files"
    )


def check_config(checkpoint: Checkpoint) -> None:
    """Refuse everything but Wav2Vec2."""
    try:
        config = json.loads((checkpoint.folder / CONFIG_FILE).read_text(encoding="utf-8"))
        kind = config["model_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{checkpoint.origin!r} has no usable {CONFIG_FILE}: {error}") from error
    if kind != Wav2Vec2Config.model_type:
        raise EncoderError(
            f"{checkpoint.origin!r} is of type {kind!r}; give a {Wav2Vec2Config.model_type!r} model"
        )


def check_weights(checkpoint: Checkpoint, info: dict[str, Any]) -> None:
    """Refuse a checkpoint that leaves weights at their random initial values."""
    missing = sorted(set(info["missing_keys"]) - UNUSED_WEIGHTS)
    mismatched = sorted(str(key) for key in info["mismatched_keys"])
    if missing or mismatched:
        raise EncoderError(
            f"{checkpoint.origin!r} lacks {len(missing) + len(mismatched)} weights of its own "
            f"config, {(missing + mismatched)[0]!r} first; save the model again"
        )


def load_features(checkpoint: Checkpoint) -> Wav2Vec2FeatureExtractor:
    """The preprocessor as saved with the model, or transformers' defaults where none was."""
    processor = checkpoint.folder / PROCESSOR_FILE
    saved = (checkpoint.folder / PREPROCESSOR_FILE).exists() or (
        # Written by transformers 4 as well, but with the tokenizer's settings only.
        processor.exists()
        and "feature_extractor" in json.loads(processor.read_text(encoding="utf-8"))
    )
    if saved:
        return Wav2Vec2FeatureExtractor.from_pretrained(checkpoint.folder, local_files_only=True)
    return Wav2Vec2FeatureExtractor()  # type: ignore[no-untyped-call]
