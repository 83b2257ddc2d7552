"""The embeddings that are taken for true: those of the training pipeline."""

import os
from pathlib import Path
from typing import TypeAlias

import librosa
import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from edge_export.composition import HIDDEN, MASK, VALUES
from edge_export.encoder import Encoder, EncoderSettings
from edge_export.errors import EncoderError, first_line
from edge_export.onnx_encoder import OnnxEncoder

Float32: TypeAlias = npt.NDArray[np.float32]


class Preprocessing:
    """What every reference does to audio, by librosa and transformers.

    It shares no arithmetic with what is exported.
    """

    def __init__(self, encoder: EncoderSettings) -> None:
        self.sample_rate = encoder.sample_rate
        self._features = encoder.features

    def load_audio(self, path: str | os.PathLike[str]) -> Float32:
        """Mono float32 (samples,) at the encoder's sample rate, by librosa."""
        waveform, _ = librosa.load(path, sr=self.sample_rate, mono=True)
        return waveform.astype(np.float32, copy=False)

    def input_values(self, waveform: Float32) -> Float32:
        """What the encoder takes: (samples,) to float32 (1, samples)."""
        inputs = self._features(waveform, sampling_rate=self.sample_rate, return_tensors="np")
        values: Float32 = inputs["input_values"]
        return values


class TorchReference(Preprocessing):
    """The pipeline as a training script has it, on the weights."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._model = encoder.model

    def embed(self, waveform: Float32) -> Float32:
        """Mean over time of the last hidden states: (samples,) to float32 (hidden,)."""
        values = torch.from_numpy(self.input_values(waveform))
        with torch.inference_mode():
            hidden = self._model(values).last_hidden_state
        embedding: Float32 = hidden.mean(dim=1)[0].numpy()
        return embedding


class OnnxReference(Preprocessing):
    """The pipeline around a given graph as it is: there are no weights for torch.

    Raises:
        EncoderError: onnxruntime can't load the graph.
    """

    def __init__(self, encoder: OnnxEncoder) -> None:
        super().__init__(encoder)
        self._session = open_session(encoder.path)
        self._masked = MASK in {entry.name for entry in self._session.get_inputs()}

    def embed(self, waveform: Float32) -> Float32:
        """Mean over time of the last hidden states: (samples,) to float32 (hidden,)."""
        feeds: dict[str, npt.NDArray[np.generic]] = {VALUES: self.input_values(waveform)}
        if self._masked:
            feeds[MASK] = np.ones(feeds[VALUES].shape, np.int64)
        [hidden] = self._session.run([HIDDEN], feeds)
        embedding: Float32 = hidden[0].mean(axis=0, dtype=np.float64).astype(np.float32)
        return embedding


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load a graph on the CPU."""
    try:
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base
        raise EncoderError(
            f"onnxruntime can't load {str(path)!r} ({first_line(error)}); export it again"
        ) from error
