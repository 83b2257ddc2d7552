"""Multiply-accumulates of one forward pass of a Wav2Vec2, counted from its config."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates by part."""

    convolutions: int
    """The feature extractor."""
    position: int
    """The grouped convolution that encodes position."""
    linear: int
    """Feature projection, attention projections and feed-forward."""
    attention: int
    """Scores and weighted sums: quadratic in the length."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.convolutions + self.position + self.linear + self.attention


def read_config(checkpoint: Path) -> dict[str, Any]:
    """config.json of a Hugging Face folder."""
    config: dict[str, Any] = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    return config


def count_macs(config: Mapping[str, Any], samples: int) -> Macs:
    """Of a clip of so many samples; normalisations, activations and additions are not counted."""
    length, channels, convolutions = samples, 1, 0
    layers = zip(config["conv_dim"], config["conv_kernel"], config["conv_stride"], strict=True)
    for width, kernel, stride in layers:
        length = (length - kernel) // stride + 1
        convolutions += length * width * channels * kernel
        channels = width
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    depth = config["num_hidden_layers"]
    group = hidden // config["num_conv_pos_embedding_groups"]
    block = 4 * hidden * hidden + 2 * hidden * inner
    return Macs(
        convolutions=convolutions,
        position=length * hidden * group * config["num_conv_pos_embeddings"],
        linear=length * (channels * hidden + depth * block),
        attention=depth * 2 * length * length * hidden,
    )
