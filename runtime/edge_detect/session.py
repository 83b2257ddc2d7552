"""onnxruntime, and nothing of it outside: providers, threads, named inputs and outputs."""

import warnings
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from edge_detect.detection import Device
from edge_detect.errors import DeviceUnavailable, InferenceError, ModelCorrupted
from edge_detect.manifest import Graph
from edge_detect.processor import usable_cpus

Tensor: TypeAlias = npt.NDArray[np.float32]

ONNXRUNTIME_VERSION: str = onnxruntime.__version__

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"

# TF32 rounds the factors of a float32 product to 10 bits: 1e-3 of the reference is no parity.
CUDA_OPTIONS = {"use_tf32": "0"}

# Threads that wait for work spin only while a graph runs: sessions of one process, used in turns,
# would otherwise take the processors from each other.
SESSION_OPTIONS = {"session.force_spinning_stop": "1"}


class Stop:
    """Ends runs that were given it: those under way at the next node, those to come at once."""

    def __init__(self) -> None:
        self.options = onnxruntime.RunOptions()

    def set(self) -> None:
        """End the runs; they raise InferenceError."""
        self.options.terminate = True


class GraphSession:
    """One ONNX graph with one float32 input and the one float32 output that is wanted.

    Several threads may call `run` at the same time: they share the weights.
    """

    def __init__(self, path: Path, graph: Graph, device: Device, threads: int | None) -> None:
        """Load the graph.

        Raises:
            DeviceUnavailable: `device` is "cuda" and this onnxruntime can't use it.
            ModelCorrupted: onnxruntime can't load the graph.
        """
        self._graph = graph
        self._session = create_session(path, device, threads)
        self.device = "cuda" if self._session.get_providers()[0] == CUDA else "cpu"
        check_device(device, self.device)
        check_names(self._session, graph)

    def run(self, tensor: Tensor, stop: Stop | None = None) -> Tensor:
        """Run the graph on (batch, …) and return (batch, …), both float32.

        Raises:
            InferenceError: onnxruntime failed, the result is not finite, or `stop` was set.
        """
        run = run_bound if self.device == "cuda" else run_plain
        try:
            result = run(self._session, self._graph, tensor, stop.options if stop else None)
        except Exception as error:  # onnxruntime's own exceptions share no other base
            reason = str(error).splitlines()[0]
            raise InferenceError(
                f"{self._graph.file} failed on {tensor.shape}: {reason}"
            ) from error
        output = np.asarray(result)
        if output.dtype != np.float32 or not np.isfinite(output).all():
            raise InferenceError(
                f"{self._graph.file} gave {output.dtype} values that are not all finite; "
                "check the input's level and the model"
            )
        return output


def run_plain(
    session: "onnxruntime.InferenceSession", graph: Graph, tensor: Tensor, options: Any
) -> Any:
    """Run on the CPU, where onnxruntime reads the input in place."""
    [result] = session.run([graph.output], {graph.input: tensor}, options)
    return result


def run_bound(
    session: "onnxruntime.InferenceSession", graph: Graph, tensor: Tensor, options: Any
) -> Any:
    """Run with input and output bound to the host: one copy to the device and one back.

    Each call has a binding of its own, so that calls from several threads can't mix.
    """
    binding = session.io_binding()
    binding.bind_cpu_input(graph.input, np.ascontiguousarray(tensor))
    binding.bind_output(graph.output, "cpu")
    session.run_with_iobinding(binding, options)
    [result] = binding.copy_outputs_to_cpu()
    return result


def create_session(
    path: Path, device: Device, threads: int | None
) -> "onnxruntime.InferenceSession":
    """Start onnxruntime on the device, with `threads` or as many as this process may use."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they come back as exceptions as well
    for key, value in SESSION_OPTIONS.items():
        options.add_session_config_entry(key, value)
    wanted = providers(device)
    try:
        return onnxruntime.InferenceSession(path, options, providers=wanted)
    except Exception as error:  # onnxruntime's own exceptions share no other base
        reason = str(error).splitlines()[0]
        raise ModelCorrupted(
            f"onnxruntime {ONNXRUNTIME_VERSION} can't load {path.name!r} ({reason}); "
            "export the model again or upgrade onnxruntime"
        ) from error


def providers(device: Device) -> list[Any]:
    """Execution providers for a device, with their options."""
    on_cuda = "cuda" in possible_devices(device)
    return [(CUDA, CUDA_OPTIONS), CPU] if on_cuda else [CPU]


def possible_devices(device: Device) -> tuple[str, ...]:
    """Those of "cuda" and "cpu" that `device` can mean with this onnxruntime, the best first.

    Raises:
        DeviceUnavailable: `device` is "cuda" and this onnxruntime has no CUDA provider.
    """
    has_cuda = CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise DeviceUnavailable(
            f"the installed onnxruntime {ONNXRUNTIME_VERSION} has no CUDA provider; "
            "replace onnxruntime by onnxruntime-gpu, or use device 'cpu'"
        )
    if device == "auto":
        return ("cuda", "cpu") if has_cuda else ("cpu",)
    return (device,)


def check_device(wanted: Device, got: str) -> None:
    """Say so where CUDA is offered and could not be started: an error if it was asked for."""
    remedy = (
        "onnxruntime has the CUDA provider but could not start it; check the NVIDIA driver, CUDA "
        "and cuDNN libraries, or use device 'cpu'"
    )
    if wanted == "cuda" and got != "cuda":
        raise DeviceUnavailable(remedy)
    if wanted == "auto" and got != "cuda" and CUDA in onnxruntime.get_available_providers():
        warnings.warn(remedy, RuntimeWarning, stacklevel=2)


def check_names(session: "onnxruntime.InferenceSession", graph: Graph) -> None:
    """Refuse a graph whose tensors are not the ones that the manifest names."""
    inputs = [tensor.name for tensor in session.get_inputs()]
    outputs = [tensor.name for tensor in session.get_outputs()]
    if inputs != [graph.input] or graph.output not in outputs:
        raise ModelCorrupted(
            f"{graph.file!r} takes {inputs} and gives {outputs}, its manifest says "
            f"{graph.input!r} and {graph.output!r}; export the model again"
        )
