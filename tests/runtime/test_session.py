"""Graphs run by name, and what onnxruntime refuses has our own error."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_detect.errors import DeviceUnavailable, InferenceError, ModelCorrupted
from edge_detect.manifest import Graph
from edge_detect.session import (
    CPU,
    CUDA,
    GraphSession,
    Stop,
    create_session,
    possible_devices,
    run_bound,
    run_plain,
)
from edge_detect.store import open_package


@pytest.fixture
def graph(tiny: Path) -> Graph:
    return open_package(tiny).encoder("fp32")


def test_a_batch_gives_what_single_clips_give(tiny: Path, graph: Graph) -> None:
    session = GraphSession(tiny / graph.file, graph, "cpu", 1)
    batch = np.random.default_rng(0).standard_normal((3, 4000)).astype(np.float32)
    singles = np.concatenate([session.run(row[np.newaxis]) for row in batch])
    assert singles.shape == (3, 8)
    np.testing.assert_allclose(session.run(batch), singles, atol=1e-6)


def test_threads_do_not_change_the_answer(tiny: Path, graph: Graph) -> None:
    batch = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32)
    one, two = (GraphSession(tiny / graph.file, graph, "cpu", n).run(batch) for n in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
def test_cuda_that_can_not_be_had(tiny: Path, graph: Graph) -> None:
    with pytest.raises(DeviceUnavailable, match="onnxruntime-gpu"):
        GraphSession(tiny / graph.file, graph, "cuda", None)
    assert GraphSession(tiny / graph.file, graph, "auto", None).device == "cpu"


def test_a_cuda_provider_that_does_not_start(
    tiny: Path, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(DeviceUnavailable, match="could not start"),
    ):
        GraphSession(tiny / graph.file, graph, "cuda", None)
    with pytest.warns() as said:
        session = GraphSession(tiny / graph.file, graph, "auto", None)
    assert session.device == "cpu"
    assert any("could not start" in str(warning.message) for warning in said)


def test_names_that_the_graph_does_not_have(tiny: Path, graph: Graph) -> None:
    with pytest.raises(ModelCorrupted, match="'audio'"):
        GraphSession(tiny / graph.file, replace(graph, input="audio"), "cpu", None)


def test_a_file_that_is_no_graph(tmp_path: Path, graph: Graph) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelCorrupted, match="can't load"):
        GraphSession(tmp_path / "encoder.onnx", graph, "cpu", None)


def test_input_that_the_graph_can_not_take(tiny: Path, graph: Graph) -> None:
    session = GraphSession(tiny / graph.file, graph, "cpu", None)
    with pytest.raises(InferenceError, match=r"\(1, 10\)"):
        session.run(np.zeros((1, 10), np.float32))


def test_a_result_that_is_not_finite(tiny: Path, graph: Graph) -> None:
    session = GraphSession(tiny / graph.file, graph, "cpu", None)
    with pytest.raises(InferenceError, match="finite"):
        session.run(np.full((1, 4000), np.nan, np.float32))


def clips(number: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    lengths = rng.integers(400, 40_000, number)
    return [rng.standard_normal((1, length)).astype(np.float32) for length in lengths]


@pytest.mark.parametrize("threads", [1, 2])
def test_calls_from_several_threads_do_not_mix(tiny: Path, graph: Graph, threads: int) -> None:
    session = GraphSession(tiny / graph.file, graph, "cpu", threads)
    alone = [session.run(clip) for clip in clips(60)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(session.run, clips(60)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_bound_run_gives_what_a_plain_one_gives(tiny: Path, graph: Graph) -> None:
    session = create_session(tiny / graph.file, "cpu", 1)
    strided = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)[:, ::2]
    for tensor in (*clips(5), strided):
        plain = run_plain(session, graph, tensor, None)
        np.testing.assert_array_equal(run_bound(session, graph, tensor, None), plain)


def test_a_run_that_is_stopped(tiny: Path, graph: Graph) -> None:
    session = GraphSession(tiny / graph.file, graph, "cpu", 1)
    minutes = np.random.default_rng(0).standard_normal((1, 16_000 * 100)).astype(np.float32)
    stop = Stop()
    threading.Timer(0.05, stop.set).start()
    end = time.monotonic() + 60

    def run_on() -> None:
        while time.monotonic() < end:
            session.run(minutes, stop)

    with pytest.raises(InferenceError, match="terminate"):
        run_on()
    with pytest.raises(InferenceError, match="terminate"):
        session.run(minutes[:, :4000], stop)
    session.run(minutes[:, :4000], Stop())


def test_possible_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    assert possible_devices("auto") == ("cuda", "cpu")
    assert possible_devices("cuda") == ("cuda",)
    assert possible_devices("cpu") == ("cpu",)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    assert possible_devices("auto") == ("cpu",)


@pytest.mark.skipif(
    CUDA not in onnxruntime.get_available_providers(), reason="this onnxruntime has no CUDA"
)
def test_cuda_gives_what_the_cpu_gives(tiny: Path, graph: Graph) -> None:
    on_cpu = GraphSession(tiny / graph.file, graph, "cpu", 1)
    on_cuda = GraphSession(tiny / graph.file, graph, "cuda", None)
    assert on_cuda.device == "cuda"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(on_cuda.run, clips(20)))
    for clip, answer in zip(clips(20), answers, strict=True):
        np.testing.assert_allclose(answer, on_cpu.run(clip), atol=1e-4)
