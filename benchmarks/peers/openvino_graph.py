"""OpenVINO: fp32, 8-bit weights with dynamic quantisation, and NNCF's full quantisation.

All are converted from the torch model, which keeps attention as one operator; the graph takes any
length. Compiled for latency in one stream, f32 where the graph is f32.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import openvino

from benchmarks.peers.peer import VARIANCE_FLOOR, Files, Float32, PreparedPeer

GRAPH = "encoder.xml"
CALIBRATION_CLIPS = 128


class Fp32(PreparedPeer):
    """The graph as converted."""

    PROPERTIES: ClassVar[dict[str, str]] = {}

    def __init__(self, path: Path, threads: int) -> None:
        core = openvino.Core()
        properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            # Without it the plug-in may take bf16 where a CPU has it.
            "INFERENCE_PRECISION_HINT": "f32",
            **self.PROPERTIES,
        }
        compiled = core.compile_model(core.read_model(path), "CPU", properties)
        self._request = compiled.create_infer_request()

    @classmethod
    def prepare(cls, files: Files) -> None:
        """Convert and save without compressing the weights to fp16."""
        save(convert(files), files)

    @classmethod
    def load(cls, files: Files, threads: int) -> "Fp32":
        """Compile the graph."""
        return cls(files.prepared / GRAPH, threads)

    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) to (hidden,)."""
        self._request.infer({0: waveform[np.newaxis]})
        return self._request.get_output_tensor(0).data[0].copy()


class Int8Weights(Fp32):
    """nncf.compress_weights to INT8, and activations quantised at run time by groups of 32."""

    PROPERTIES: ClassVar[dict[str, str]] = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": "32"}

    @classmethod
    def prepare(cls, files: Files) -> None:
        """Compress the weights."""
        import nncf

        save(nncf.compress_weights(convert(files), mode=nncf.CompressWeightsMode.INT8_SYM), files)


class Nncf(Fp32):
    """nncf.quantize after training: weights and activations, scales from calibration clips."""

    @classmethod
    def prepare(cls, files: Files) -> None:
        """Calibrate and quantise."""
        import nncf

        clips = files.calibration[:CALIBRATION_CLIPS]
        dataset = nncf.Dataset([np.load(path)[np.newaxis] for path in clips])
        quantised = nncf.quantize(
            convert(files),
            dataset,
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(clips),
        )
        save(quantised, files)


def convert(files: Files) -> Any:
    """The torch model with normalisation and pooling: waveform to embedding, both axes dynamic."""
    import torch
    from transformers import Wav2Vec2Model

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Wav2Vec2Model.from_pretrained(files.checkpoint, attn_implementation="sdpa")

        def forward(self, waveform: torch.Tensor) -> torch.Tensor:
            centred = waveform - waveform.mean(dim=1, keepdim=True)
            variance = centred.square().mean(dim=1, keepdim=True)
            hidden = self.model(centred / torch.sqrt(variance + VARIANCE_FLOOR))
            return hidden.last_hidden_state.mean(dim=1)

    example = torch.randn(1, 16_000)
    shape = openvino.PartialShape([-1, -1])
    with torch.inference_mode():
        return openvino.convert_model(Pooled().eval(), example_input=example, input=[shape])


def save(model: Any, files: Files) -> None:
    """Write the graph as it is."""
    openvino.save_model(model, files.prepared / GRAPH, compress_to_fp16=False)
