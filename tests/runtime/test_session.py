"""Graphs run by name, and what onnxruntime refuses has our own error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_detect.errors import DeviceUnavailable, InferenceError, ModelCorrupted
from edge_detect.manifest import Graph
from edge_detect.session import CPU, CUDA, GraphSession
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
