"""Encoders of random weights, heads fitted on their embeddings, and packages made of both."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from edge_export import export_package
from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import load_encoder
from edge_export.reference import TorchReference
from tests.conftest import Waveform

RATE = 16_000
CLASSES = 5

SMALL: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": (24, 24, 32, 32, 32, 32, 48),
    "num_conv_pos_embeddings": 15,
    "num_conv_pos_embedding_groups": 4,
}

# The first is shaped as wav2vec2-base, the second as wav2vec2-large-lv60 and XLS-R.
CONFIGS: dict[str, dict[str, Any]] = {
    "group": {"feat_extract_norm": "group"},
    "layer-stable": {
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "conv_bias": True,
    },
    "layer": {"feat_extract_norm": "layer"},
    "group-stable": {"do_stable_layer_norm": True},
}


@dataclass(frozen=True)
class Fitted:
    """A scaler and a classifier of scikit-learn, and what the classes are called."""

    scaler: StandardScaler
    classifier: Any
    labels: tuple[str, ...]

    def probabilities(self, embedding: Waveform) -> Any:
        """What scikit-learn gives: (hidden,) to float64 (classes,)."""
        return self.classifier.predict_proba(self.scaler.transform(embedding[np.newaxis]))[0]


@dataclass(frozen=True)
class Exported:
    """A package beside what it was made from."""

    encoder: Path
    head: Fitted
    package: Path
    reference: TorchReference


def noisy_clip(seed: int, samples: int) -> Waveform:
    """A tone in noise, both at random levels: float32 (samples,)."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * rng.uniform(80, 3000) * np.arange(samples) / RATE
    tone = rng.uniform(0.1, 0.8) * np.sin(phase)
    return (tone + rng.uniform(0.01, 0.2) * rng.standard_normal(samples)).astype(np.float32)


def save_encoder(folder: Path, normalize: bool = True, **config: Any) -> Path:
    """A Wav2Vec2 of random weights as a Hugging Face folder."""
    torch.manual_seed(7)
    Wav2Vec2Model(Wav2Vec2Config(**config)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=normalize).save_pretrained(folder)
    return folder


def fit_head(reference: TorchReference, clips: int = 40) -> Fitted:
    """A scaler and a 5-class logistic regression fitted on the encoder's embeddings."""
    embeddings = np.stack([reference.embed(noisy_clip(i, RATE)) for i in range(clips)])
    targets = np.arange(clips) % CLASSES
    scaler = StandardScaler()
    classifier = LogisticRegression(max_iter=1000).fit(scaler.fit_transform(embeddings), targets)
    return Fitted(scaler, classifier, tuple(f"class_{i}" for i in range(CLASSES)))


def export(folder: Path, encoder: Path) -> Exported:
    """Fit a head on an encoder and export both."""
    reference = TorchReference(load_encoder(open_checkpoint(encoder)))
    head = fit_head(reference)
    package = export_package(
        encoder, head.scaler, head.classifier, folder / "package", labels=head.labels
    )
    return Exported(encoder, head, package, reference)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """The package of a named config, exported once in the session."""
    done: dict[str, Exported] = {}

    def get(kind: str) -> Exported:
        if kind not in done:
            folder = tmp_path_factory.mktemp(kind)
            sizes = {} if kind == "base" else {**SMALL, **CONFIGS[kind]}
            done[kind] = export(folder, save_encoder(folder / "encoder", **sizes))
        return done[kind]

    return get


@pytest.fixture
def small(exported: Callable[[str], Exported]) -> Exported:
    """A small encoder of the usual kind, with its head and package."""
    return exported("group")


def save_published(folder: Path, head: Fitted, dump: Callable[[Any, Path], Any]) -> Path:
    """The three files of the published system."""
    folder.mkdir()
    dump(head.classifier, folder / "deepfake_audio_classifier.pkl")
    dump(head.scaler, folder / "audio_scaler.pkl")
    metadata = {"class_labels": list(head.labels)}
    (folder / "model_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return folder


def plain_pickle(model: Any, path: Path, protocol: int = pickle.DEFAULT_PROTOCOL) -> None:
    """Write what `pickle.dump` writes."""
    path.write_bytes(pickle.dumps(model, protocol=protocol))
