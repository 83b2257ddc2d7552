"""optimum's ORTModelForFeatureExtraction on optimum's own export."""

from typing import Any

import onnxruntime
import torch
from optimum.exporters.onnx import main_export
from optimum.onnxruntime import ORTModelForFeatureExtraction

from benchmarks.peers.peer import Files, Float32, PreparedPeer, normalise


class Optimum(PreparedPeer):
    """The export without further options, and the class that its documentation names for it."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def prepare(cls, files: Files) -> None:
        """What `optimum-cli export onnx --task feature-extraction` writes."""
        main_export(
            str(files.checkpoint), files.prepared, task="feature-extraction", do_validation=False
        )

    @classmethod
    def load(cls, files: Files, threads: int) -> "Optimum":
        """Load optimum's graph."""
        torch.set_num_threads(threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return cls(
            ORTModelForFeatureExtraction.from_pretrained(
                files.prepared, provider="CPUExecutionProvider", session_options=options
            )
        )

    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) to (hidden,)."""
        with torch.inference_mode():
            hidden = self._model(input_values=torch.from_numpy(normalise(waveform)))
            return hidden.last_hidden_state.mean(dim=1)[0].numpy()
