"""What every engine does: a waveform in, its mean-pooled embedding out, normalisation included."""

import wave
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float32: TypeAlias = npt.NDArray[np.float32]

RATE = 16_000  # Hz
VARIANCE_FLOOR = 1e-7  # Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm of transformers


@dataclass(frozen=True)
class Files:
    """What an engine can be made from."""

    package: Path
    """A model package of edge-detect."""
    checkpoint: Path
    """A Hugging Face folder: config.json, model.safetensors, preprocessor_config.json."""
    plain: Path
    """torch's own ONNX export: waveform (batch, samples) to embedding (batch, hidden)."""
    head: Path
    """.npz: mean, scale, weight and bias of the StandardScaler and the logistic regression."""
    prepared: Path
    """A folder of the engine's own, filled by `prepare`."""
    calibration: tuple[Path, ...]
    """Clips with speech, .npy, for an engine that is calibrated."""


class Peer(ABC):
    """An engine that holds one model in one process."""

    @classmethod
    @abstractmethod
    def load(cls, files: Files, threads: int) -> "Peer":
        """Load the model for so many CPU threads."""

    @abstractmethod
    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) at 16 kHz to float32 (hidden,)."""

    def answer(self, files: Files, wavs: Sequence[Path]) -> list[float]:
        """The probability of a synthetic voice for each 16-bit WAV, one after another."""
        head = Head(files.head)
        return [head.spoof_probability(self.embed(read_wav(path))) for path in wavs]


class PreparedPeer(Peer):
    """An engine that has to convert the model first."""

    @classmethod
    @abstractmethod
    def prepare(cls, files: Files) -> None:
        """Write what loading needs into the existing folder `files.prepared`; never timed."""


class Head:
    """The scaler and the logistic regression as the two lines that they are."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self._weight = arrays["weight"] / arrays["scale"]
            self._bias = arrays["bias"] - arrays["mean"] @ self._weight

    def spoof_probability(self, embedding: Float32) -> float:
        """Float32 (hidden,) to 0…1."""
        return float(1 / (1 + np.exp(-(embedding @ self._weight + self._bias))))


def normalise(waveform: Float32) -> Float32:
    """Zero mean and unit variance as Wav2Vec2FeatureExtractor: (samples,) to (1, samples)."""
    scaled = (waveform - waveform.mean()) / np.sqrt(waveform.var() + VARIANCE_FLOOR)
    return scaled[np.newaxis].astype(np.float32, copy=False)


def read_wav(path: Path) -> Float32:
    """A 16-bit mono WAV by the standard library: the cheapest way, so no peer pays for more."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
            raise ValueError(f"{path.name!r} is not 16-bit mono at {RATE} Hz")
        frames = file.readframes(file.getnframes())
    return np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(32768)
