"""onnxruntime, and nothing of it outside: providers, threads, named inputs and outputs."""

import os
import warnings
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from edge_detect.detection import Device
from edge_detect.errors import DeviceUnavailable, InferenceError, ModelCorrupted
from edge_detect.manifest import Graph

Tensor: TypeAlias = npt.NDArray[np.float32]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


class GraphSession:
    """One ONNX graph with one float32 input and the one float32 output that is wanted."""

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

    def run(self, tensor: Tensor) -> Tensor:
        """Run the graph on (batch, …) and return (batch, …), both float32.

        Raises:
            InferenceError: onnxruntime failed, or the result is not finite.
        """
        try:
            [result] = self._session.run([self._graph.output], {self._graph.input: tensor})
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


def create_session(
    path: Path, device: Device, threads: int | None
) -> "onnxruntime.InferenceSession":
    """Start onnxruntime on the device, with `threads` or as many as this process may use."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they come back as exceptions as well
    wanted = providers(device)
    try:
        return onnxruntime.InferenceSession(path, options, providers=wanted)
    except Exception as error:  # onnxruntime's own exceptions share no other base
        reason = str(error).splitlines()[0]
        raise ModelCorrupted(
            f"onnxruntime {onnxruntime.__version__} can't load {path.name!r} ({reason}); "
            "export the model again or upgrade onnxruntime"
        ) from error


def providers(device: Device) -> list[str]:
    """Execution providers for a device; "auto" takes CUDA where this onnxruntime has it."""
    has_cuda = CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise DeviceUnavailable(
            f"the installed onnxruntime {onnxruntime.__version__} has no CUDA provider; "
            "replace onnxruntime by onnxruntime-gpu, or use device 'cpu'"
        )
    return [CUDA, CPU] if has_cuda and device != "cpu" else [CPU]


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


def usable_cpus() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_names(session: "onnxruntime.InferenceSession", graph: Graph) -> None:
    """Refuse a graph whose tensors are not the ones that the manifest names."""
    inputs = [tensor.name for tensor in session.get_inputs()]
    outputs = [tensor.name for tensor in session.get_outputs()]
    if inputs != [graph.input] or graph.output not in outputs:
        raise ModelCorrupted(
            f"{graph.file!r} takes {inputs} and gives {outputs}, its manifest says "
            f"{graph.input!r} and {graph.output!r}; export the model again"
        )
