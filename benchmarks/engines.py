"""The engines that are compared: where each runs, what it is, and how it is set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips import labelled_clips
from benchmarks.environments import OPENVINO, OPTIMUM, OWN, Environment
from benchmarks.models import CHECKPOINT, HEAD, PLAIN, Model
from benchmarks.peers.peer import Files
from benchmarks.places import key_of

PEERS = "benchmarks.peers"


@dataclass(frozen=True)
class Engine:
    """One way to run a model."""

    name: str
    """As options and results files have it."""
    title: str
    """As the page has it."""
    peer: str
    """module:class of the `Peer`."""
    environment: Environment
    precision: str
    """fp32, or what it is quantised to."""
    settings: str
    """What was chosen for it, in a few words."""

    @property
    def own(self) -> bool:
        """Whether it is edge-detect."""
        return self.environment is OWN and self.peer.startswith(f"{PEERS}.edge_detect_package:")

    @property
    def source(self) -> Path:
        """The file of the `Peer`."""
        module = self.peer.partition(":")[0].rpartition(".")[2]
        return Path(__file__).parent / "peers" / f"{module}.py"

    def files(self, model: Model) -> Files:
        """What the engine is made from; only edge-detect runs a model that is a package alone."""
        folder = model.folder or model.package
        key = key_of([self.environment.key, self.source.read_bytes()])
        calibration = tuple(clip.path for clip in labelled_clips() if clip.condition == "clean")
        return Files(
            package=model.package,
            checkpoint=folder / CHECKPOINT,
            plain=folder / PLAIN,
            head=folder / HEAD,
            prepared=folder / "prepared" / f"{self.name}-{key}",
            calibration=() if self.own else calibration,
        )


ENGINES = (
    Engine(
        "torch",
        "transformers + torch eager",
        f"{PEERS}.transformers_torch:Eager",
        OWN,
        "fp32",
        "scaled dot-product attention, inference mode",
    ),
    Engine(
        "torch-compile",
        "torch.compile",
        f"{PEERS}.transformers_torch:Compiled",
        OWN,
        "fp32",
        "dynamic=True: one compilation for all lengths",
    ),
    Engine(
        "optimum",
        "optimum ORTModel",
        f"{PEERS}.optimum_model:Optimum",
        OPTIMUM,
        "fp32",
        "ORTModelForFeatureExtraction on optimum's own export",
    ),
    Engine(
        "ort-plain",
        "plain ORT export",
        f"{PEERS}.onnxruntime_graph:Plain",
        OWN,
        "fp32",
        "torch's dynamo export with GroupNorm folded (`--graph plain`)",
    ),
    Engine(
        "openvino",
        "OpenVINO fp32",
        f"{PEERS}.openvino_graph:Fp32",
        OPENVINO,
        "fp32",
        "converted from torch, latency hint, one stream, f32",
    ),
    Engine(
        "edge-fp32",
        "edge-detect fp32",
        f"{PEERS}.edge_detect_package:Fp32",
        OWN,
        "fp32",
        "Detector.load(precision='fp32')",
    ),
    Engine(
        "ort-int8",
        "ORT quantize_dynamic",
        f"{PEERS}.onnxruntime_graph:DynamicInt8",
        OWN,
        "int8",
        "per-channel, MatMul, on the plain export after quant_pre_process",
    ),
    Engine(
        "openvino-int8",
        "OpenVINO int8 weights",
        f"{PEERS}.openvino_graph:Int8Weights",
        OPENVINO,
        "int8",
        "nncf.compress_weights INT8_SYM, dynamic quantisation by groups of 32",
    ),
    Engine(
        "openvino-nncf",
        "OpenVINO NNCF int8",
        f"{PEERS}.openvino_graph:Nncf",
        OPENVINO,
        "int8",
        "nncf.quantize, model_type TRANSFORMER, calibrated on 69 clips of the quality table",
    ),
    Engine(
        "edge-int8",
        "edge-detect int8",
        f"{PEERS}.edge_detect_package:Int8",
        OWN,
        "int8",
        "Detector.load(precision='int8')",
    ),
)


def engines_for(model: Model, wanted: Sequence[str] = ()) -> list[Engine]:
    """Those that run the model, or the wanted ones of them.

    Raises:
        SystemExit: a wanted one is none of them.
    """
    able = [
        engine
        for engine in ENGINES
        if (engine.precision in model.precisions if engine.own else model.folder is not None)
    ]
    names = [engine.name for engine in able]
    for name in wanted:
        if name not in names:
            raise SystemExit(f"{model.name!r} has no engine {name!r} but {', '.join(names)}")
    return [engine for engine in able if not wanted or engine.name in wanted]
