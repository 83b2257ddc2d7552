"""The fastest matrix product that onnxruntime does here: the roof that every engine is under."""

import time
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SERVICE = "benchmarks.gemm:GemmService"

# (rows, inner, columns): linear layers of wav2vec2-base at 4 and 10 s, and larger products.
SHAPES = (
    (199, 768, 3072),
    (499, 768, 3072),
    (499, 3072, 768),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
)
KINDS = ("fp32", "u8s8")
LEAST_S = 0.05
"""Each sample repeats the product until it lasted so long."""


class GemmService:
    """Products of constant right-hand sides, as the layers of a model have them."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._sessions: dict[tuple[str, tuple[int, int, int]], Any] = {}

    def rate(self, kind: str, shape: list[int]) -> dict[str, float]:
        """Multiply-accumulates a second of one shape, one sample."""
        rows, inner, columns = shape
        session, left = self._open(kind, (rows, inner, columns))
        wall, cpu, count = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < LEAST_S or not count:
            session.run(None, {"left": left})
            count += 1
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        macs = count * rows * inner * columns
        return {"wall_s": wall, "cpu_s": cpu, "macs_per_s": macs / wall}

    def _open(self, kind: str, shape: tuple[int, int, int]) -> tuple[Any, Any]:
        if (kind, shape) not in self._sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            session = onnxruntime.InferenceSession(
                product(kind, shape), options, providers=["CPUExecutionProvider"]
            )
            self._sessions[kind, shape] = (session, numbers(kind, shape[:2], signed=False))
        return self._sessions[kind, shape]


def product(kind: str, shape: tuple[int, int, int]) -> bytes:
    """A graph of one product: MatMul in fp32, or MatMulInteger of u8 activations and s8 weights."""
    operator, left, result = {
        "fp32": ("MatMul", TensorProto.FLOAT, TensorProto.FLOAT),
        "u8s8": ("MatMulInteger", TensorProto.UINT8, TensorProto.INT32),
    }[kind]
    rows, inner, columns = shape
    right = numpy_helper.from_array(numbers(kind, (inner, columns), signed=True), "right")
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        kind,
        [helper.make_tensor_value_info("left", left, [rows, inner])],
        [helper.make_tensor_value_info("product", result, [rows, columns])],
        [right],
    )
    # IR 10 and opset 20: what the oldest onnxruntime here reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def numbers(kind: str, shape: tuple[int, ...], *, signed: bool) -> Any:
    """Random numbers in the product's type."""
    generator = np.random.default_rng(4)
    if kind == "fp32":
        return generator.standard_normal(shape).astype(np.float32)
    low, high, dtype = (-127, 128, np.int8) if signed else (0, 256, np.uint8)
    return generator.integers(low, high, shape).astype(dtype)
