"""The positional convolution in int8: torch's, for every size, length and batch."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.nn import Conv1d

from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_export.blocks import Block
from edge_export.quantised_position import quantised_position


@pytest.mark.parametrize(
    ("width", "kernel", "groups"), [(32, 128, 4), (32, 16, 16), (24, 5, 3), (16, 1, 1)]
)
def test_is_near_the_convolution_of_torch(
    tmp_path: Path, width: int, kernel: int, groups: int
) -> None:
    torch.manual_seed(kernel)
    layer = Conv1d(width, width, kernel, padding=kernel // 2, groups=groups)
    block = Block()
    shape: list[str | int] = ["batch", "frames", width]
    result = block.output(quantised_position(block, "hidden", layer), "embedding")
    onnx.save(block.model(("hidden", shape), (result, shape)), tmp_path / "graph.onnx")
    graph = Graph("graph.onnx", "", "int8", "hidden", "embedding")
    session = GraphSession(tmp_path / "graph.onnx", graph, "cpu", 1)
    for batch, frames in [(1, 1), (1, 2), (3, 7), (2, 50), (1, 173)]:
        hidden = torch.randn(batch, frames, width)
        with torch.inference_mode():
            wanted = layer(hidden.transpose(1, 2))[:, :, :frames].transpose(1, 2).numpy()
        got = session.run(hidden.numpy())
        assert got.shape == wanted.shape
        assert np.linalg.norm(got - wanted) < 0.02 * np.linalg.norm(wanted), (batch, frames)
