"""onnxruntime on torch's own export, as it is and quantised by onnxruntime's own tool."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from benchmarks.peers.peer import Files, Float32, Peer, PreparedPeer

QUANTISED = "encoder.int8.onnx"


class Plain(Peer):
    """The graph of `edge-detect export --graph plain`."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    @classmethod
    def load(cls, files: Files, threads: int) -> "Plain":
        """Load the graph with every optimisation, the default."""
        return cls(files.plain, threads)

    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) to (hidden,)."""
        [embedding] = self._session.run(["embedding"], {"waveform": waveform[np.newaxis]})
        return embedding[0]


class DynamicInt8(Plain, PreparedPeer):
    """quantize_dynamic: per-channel weights, activations quantised at run time; MatMul only."""

    OPERATORS = ("MatMul",)

    @classmethod
    def prepare(cls, files: Files) -> None:
        """Pre-process as the documentation asks, then quantise."""
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.shape_inference import quant_pre_process

        # In one file: quant_pre_process refuses weights of a file beside the graph.
        whole, inferred = files.prepared / "whole.onnx", files.prepared / "inferred.onnx"
        onnx.save(onnx.load(files.plain), whole)
        quant_pre_process(whole, inferred, skip_symbolic_shape=True)
        whole.unlink()
        quantize_dynamic(
            inferred,
            files.prepared / QUANTISED,
            op_types_to_quantize=list(cls.OPERATORS),
            per_channel=True,
            weight_type=QuantType.QInt8 if cls.OPERATORS == ("MatMul",) else QuantType.QUInt8,
        )
        inferred.unlink()

    @classmethod
    def load(cls, files: Files, threads: int) -> "DynamicInt8":
        """Load the quantised graph."""
        return cls(files.prepared / QUANTISED, threads)


class DynamicInt8Conv(DynamicInt8):
    """The same with the convolutions; ConvInteger takes unsigned weights only."""

    OPERATORS = ("MatMul", "Conv")
