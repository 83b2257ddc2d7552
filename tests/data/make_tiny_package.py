"""Writes tests/data/tiny: a real model package, small enough to commit, that knows nothing.

A Wav2Vec2 of the usual receptive field with random weights, a few channels wide; the runtime's
tests need no torch with it. Needs the extra `export`: python tests/data/make_tiny_package.py
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from edge_export import export_package
from edge_export.probes import voice

SEED = 0
HIDDEN = 8
PACKAGE = Path(__file__).parent / "tiny"


def save_encoder(folder: Path) -> None:
    """A Wav2Vec2 with random weights as a Hugging Face folder."""
    torch.manual_seed(SEED)
    config = Wav2Vec2Config(
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        conv_dim=(4,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


def fit_head() -> tuple[StandardScaler, LogisticRegression]:
    """A scaler and a classifier on random embeddings of about the encoder's spread."""
    rng = np.random.default_rng(SEED)
    embeddings = rng.standard_normal((64, HIDDEN))
    scaler = StandardScaler().fit(embeddings)
    targets = np.where(embeddings[:, 0] > 0, "bonafide", "spoof")
    return scaler, LogisticRegression().fit(scaler.transform(embeddings), targets)


def main() -> None:
    """Make the package anew."""
    shutil.rmtree(PACKAGE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Path(scratch, "tiny-wav2vec2")
        save_encoder(encoder)
        scaler, classifier = fit_head()
        export_package(
            encoder,
            scaler,
            classifier,
            PACKAGE,
            licence="MIT",
            source="tests/data/make_tiny_package.py",
            golden=[(voice(0.25, 16_000), 16_000)],
        )


if __name__ == "__main__":
    main()
