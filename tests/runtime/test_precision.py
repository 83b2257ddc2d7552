"""Which precision runs: by name, or by what was measured and never by guess."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detect import Detector
from edge_detect import encoder as encoder_module
from edge_detect import precision as precision_module
from edge_detect.errors import ModelError, PrecisionUnavailable
from edge_detect.manifest import Graph
from edge_detect.precision import choose
from edge_detect.store import ModelPackage, open_package
from tests.runtime.conftest import QUALITY

KIND = "x86-64 avx512-vnni"

FP32 = Graph("encoder.onnx", "0" * 64, "fp32", "waveform", "embedding")
INT8 = replace(FP32, precision="int8", devices=("cpu",), quality=QUALITY, speedup={KIND: 1.62})
FAST = replace(INT8, precision="int8-fast", speedup={KIND: 3.0})
FP16 = replace(FP32, precision="fp16", devices=("cuda",), quality=QUALITY)


@pytest.fixture(autouse=True)
def _kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_module, "cpu_kind", lambda: KIND)


def package(tiny: Path, *graphs: Graph) -> ModelPackage:
    """The tiny package with other encoder graphs."""
    opened = open_package(tiny)
    return replace(opened, manifest=replace(opened.manifest, encoders=graphs))


@pytest.mark.parametrize(
    ("graphs", "precision", "reason"),
    [
        ([FP32], "fp32", "the model has no int8 of stated quality"),
        ([FP32, INT8], "int8", f"1.6 times as fast as fp32 on {KIND}, as measured at export"),
        ([INT8, FP32], "int8", "1.6 times"),
        ([FP32, FAST], "fp32", "no int8 of stated quality"),
        ([FP32, FAST, INT8], "int8", "1.6 times"),
        ([FP32, replace(INT8, quality=None)], "fp32", "no int8 of stated quality"),
        ([FP32, replace(INT8, speedup={})], "fp32", f"int8 was not measured on {KIND}"),
        ([FP32, replace(INT8, speedup={"x86-64 avx2": 2})], "fp32", f"not measured on {KIND}"),
        ([FP32, replace(INT8, speedup={KIND: 1.1})], "fp32", "int8 is only 1.1 times as fast"),
        ([FP32, replace(INT8, speedup={KIND: 0.7})], "fp32", "int8 is only 0.7 times as fast"),
        ([FP32, replace(INT8, devices=("cuda",))], "fp32", "no int8 of stated quality"),
        ([FP32, FP16], "fp32", "no int8 of stated quality"),
        ([FAST], "int8-fast", "no int8 of stated quality"),
    ],
)
def test_auto_on_a_cpu(tiny: Path, graphs: list[Graph], precision: str, reason: str) -> None:
    choice = choose(package(tiny, *graphs), "auto", ("cpu",))
    assert (choice.precision, choice.device) == (precision, "cpu")
    assert choice.reason.startswith(f"{precision}: ")
    assert reason in choice.reason


def test_a_kind_without_its_extensions_is_no_measurement(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_module, "cpu_kind", lambda: "x86-64")
    graphs = [FP32, replace(INT8, speedup={"x86-64": 2.0})]
    choice = choose(package(tiny, *graphs), "auto", ("cpu",))
    assert choice.reason == "fp32: int8 was not measured on x86-64"


@pytest.mark.parametrize("devices", [("cuda",), ("cuda", "cpu")])
def test_auto_on_cuda_is_fp32(tiny: Path, devices: tuple[str, ...]) -> None:
    choice = choose(package(tiny, FP16, FP32, INT8), "auto", devices)
    assert (choice.precision, choice.device) == ("fp32", "cuda")


@pytest.mark.parametrize(
    ("precision", "devices", "device"),
    [
        ("fp32", ("cuda", "cpu"), "cuda"),
        ("fp32", ("cpu",), "cpu"),
        ("int8", ("cuda", "cpu"), "cpu"),
        ("fp16", ("cuda", "cpu"), "cuda"),
        ("int8-fast", ("cpu",), "cpu"),
    ],
)
def test_by_name(tiny: Path, precision: str, devices: tuple[str, ...], device: str) -> None:
    choice = choose(package(tiny, FP32, INT8, FAST, FP16), precision, devices)
    assert (choice.precision, choice.device) == (precision, device)


@pytest.mark.parametrize(
    ("precision", "devices", "message"),
    [
        ("int4", ("cpu",), "no precision 'int4'; it has fp32, int8, fp16"),
        ("fp16", ("cpu",), r"'fp16' .* runs on cuda, not on cpu; it has fp32 \(cpu, cuda\), int8"),
        ("int8", ("cuda",), "'int8' .* runs on cpu, not on cuda"),
    ],
)
def test_what_can_not_be_had(
    tiny: Path, precision: str, devices: tuple[str, ...], message: str
) -> None:
    with pytest.raises(PrecisionUnavailable, match=message):
        choose(package(tiny, FP32, INT8, FP16), precision, devices)


def test_nothing_for_the_device(tiny: Path) -> None:
    with pytest.raises(
        PrecisionUnavailable, match=r"has no precision for cuda; it has int8 \(cpu\)"
    ):
        choose(package(tiny, INT8), "auto", ("cuda",))


def test_a_detector_says_what_it_took(quantised: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # this machine's own kind, which is the one in the manifest
    detector = Detector.load(quantised, device="cpu")
    assert detector.model.precision == "int8"
    assert detector.precision_reason.startswith("int8: 1.6 times as fast as fp32 on ")
    assert Detector.load(quantised, precision="fp32").precision_reason == "fp32: as asked"
    with pytest.raises(ModelError, match="'fp16'"):
        Detector.load(quantised, device="cpu", precision="fp16")


def test_a_graph_that_was_changed(quantised: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(quantised, tmp_path / "quantised")
    data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    data["encoders"][0]["sha256"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match="sha256"):
        Detector.load(folder, precision="fp32", device="cpu")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Threads of each session of an encoder that was opened."""
    threads: list[int] = []
    create = encoder_module.GraphSession

    def session(path: Path, graph: Graph, device: object, number: int) -> object:
        threads.append(number)
        return create(path, graph, device, number)  # type: ignore[arg-type]

    monkeypatch.setattr(encoder_module, "GraphSession", session)
    return threads


def test_sessions_are_opened_as_they_are_needed(
    tiny: Path, speech_path: Path, opened: list[int]
) -> None:
    detector = Detector.load(tiny, device="cpu", threads=2)
    assert opened == [2]
    detector.predict(speech_path)
    list(detector.predict_batch([speech_path]))
    assert opened == [2]
    list(detector.predict_batch([speech_path] * 2))
    list(detector.predict_batch(iter([speech_path])))
    assert opened == [2, 1]


def test_a_detector_for_batches_holds_one_session(
    tiny: Path, speech_path: Path, opened: list[int]
) -> None:
    detector = Detector.load(tiny, device="cpu", threads=3, expected_sources=3)
    list(detector.predict_batch([speech_path] * 3))
    assert opened == [1]
    Detector.load(tiny, device="cpu", threads=3, expected_sources=2)
    Detector.load(tiny, device="cpu", threads=1, expected_sources=9)
    assert opened == [1, 3, 1]
