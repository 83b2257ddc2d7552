"""The embeddings that are taken for true: those of the training pipeline."""

import os
from typing import TypeAlias

import librosa
import numpy as np
import numpy.typing as npt
import torch

from edge_export.encoder import Encoder

Float32: TypeAlias = npt.NDArray[np.float32]


class TorchReference:
    """The pipeline as a training script has it: librosa and transformers.

    It shares no arithmetic with what is exported.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.sample_rate = encoder.sample_rate
        self._encoder = encoder

    def load_audio(self, path: str | os.PathLike[str]) -> Float32:
        """Mono float32 (samples,) at the encoder's sample rate, by librosa."""
        waveform, _ = librosa.load(path, sr=self.sample_rate, mono=True)
        return waveform.astype(np.float32, copy=False)

    def embed(self, waveform: Float32) -> Float32:
        """Mean over time of the last hidden states: (samples,) to float32 (hidden,)."""
        inputs = self._encoder.features(
            waveform, sampling_rate=self.sample_rate, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = self._encoder.model(inputs.input_values).last_hidden_state
        embedding: Float32 = hidden.mean(dim=1)[0].numpy()
        return embedding
