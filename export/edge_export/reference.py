"""The torch + scikit-learn pipeline: the ground truth of every parity check.

It is put together from librosa, transformers and scikit-learn as a training script would, and
shares no arithmetic with what is exported.
"""

import os

import librosa
import numpy as np
import numpy.typing as npt
import torch

from edge_export.classifier import Head
from edge_export.encoder import Encoder


class Reference:
    """Audio to embedding to probabilities, in torch and scikit-learn."""

    def __init__(self, encoder: Encoder, head: Head) -> None:
        self.sample_rate = encoder.sample_rate
        self._encoder = encoder
        self._head = head

    def load_audio(self, path: str | os.PathLike[str]) -> npt.NDArray[np.float32]:
        """Mono float32 (samples,) at the encoder's sample rate, by librosa."""
        waveform, _ = librosa.load(path, sr=self.sample_rate, mono=True)
        return waveform.astype(np.float32, copy=False)

    def embed(self, waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Mean over time of the last hidden states: (samples,) to float32 (hidden,)."""
        inputs = self._encoder.features(
            waveform, sampling_rate=self.sample_rate, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = self._encoder.model(inputs.input_values).last_hidden_state
        embedding: npt.NDArray[np.float32] = hidden.mean(dim=1)[0].numpy()
        return embedding

    def probabilities(self, embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Probability of each class in the head's order: (hidden,) to float64 (classes,)."""
        scaled = self._head.scaler.transform(embedding[np.newaxis])
        row: npt.NDArray[np.float64] = self._head.classifier.predict_proba(scaled)[0]
        return row.astype(np.float64)
