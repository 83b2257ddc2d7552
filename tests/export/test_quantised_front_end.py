"""The front end in int8: near torch's frames, loud or quiet, wherever they are computed."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from edge_detect.manifest import Graph
from edge_detect.session import GraphSession
from edge_export.blocks import Block
from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import Encoder, load_encoder
from edge_export.front_end import CHUNK_SAMPLES
from edge_export.quantised_front_end import quantised_front_end
from edge_export.rounding import round_weights
from tests.conftest import Waveform
from tests.export.conftest import SMALL, noisy_clip, save_encoder

KINDS: dict[str, dict[str, Any]] = {
    "group": {"feat_extract_norm": "group"},
    "layer": {"feat_extract_norm": "layer"},
    "group-biased": {"conv_bias": True},
    "layer-biased": {"feat_extract_norm": "layer", "conv_bias": True},
    "odd-sizes": {
        "conv_dim": (10, 12),
        "conv_kernel": (7, 4),
        "conv_stride": (3, 3),
        "feat_extract_norm": "layer",
        "feat_extract_activation": "gelu_new",
    },
}
STEP = 320
CHUNK = CHUNK_SAMPLES // STEP
# One frame, a chunk and a frame more, several chunks.
FRAMES = [1, 2, CHUNK, CHUNK + 1, 173]
# What an embedding must reach; here it holds for the frames themselves, of narrow layers.
MIN_COSINE = 0.998


class FrontEnd:
    """torch's front end and the quantised one of the same weights."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.encoder: Encoder = load_encoder(
            open_checkpoint(save_encoder(folder / "encoder", **{**SMALL, **config}))
        )
        block = Block()
        weights = round_weights(self.encoder)
        frames = quantised_front_end(block, "waveform", self.encoder, weights)
        shape: list[str | int] = ["batch", "frames", self.encoder.config.conv_dim[-1]]
        output = (block.output(frames, "embedding"), shape)
        self.model = block.model(("waveform", ["batch", "samples"]), output)
        path = folder / "graph.onnx"
        onnx.save(self.model, path)
        graph = Graph(path.name, "", "int8", "waveform", "embedding")
        self._session = GraphSession(path, graph, "cpu", 1)

    def torch(self, clip: Waveform) -> npt.NDArray[np.float32]:
        """(samples,) -> (F, channels)."""
        with torch.inference_mode():
            frames = self.encoder.model.feature_extractor(torch.from_numpy(clip)[np.newaxis])
        return np.asarray(frames[0].T.numpy(), np.float32)

    def quantised(self, *clips: Waveform) -> npt.NDArray[np.float32]:
        """Clips of one length -> (batch, F, channels)."""
        return np.asarray(self._session.run(np.stack(clips)), np.float32)


def cosine(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    return float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize("kind", KINDS)
def test_is_near_the_frames_of_torch(tmp_path: Path, kind: str) -> None:
    front_end = FrontEnd(tmp_path, **KINDS[kind])
    for frames in FRAMES:
        for extra in (0, 17):
            clip = noisy_clip(frames, 80 + STEP * frames + extra)
            expected, [got] = front_end.torch(clip), front_end.quantised(clip)
            assert got.shape == expected.shape
            assert MIN_COSINE < cosine(got, expected) < 1, (frames, extra)


def test_quiet_moments_are_not_lost_beside_loud_ones(tmp_path: Path) -> None:
    """Of what changes in the quiet half, one scale for both would leave noise."""
    front_end = FrontEnd(tmp_path)
    clip = noisy_clip(3, 80 + STEP * 100)
    clip[STEP * 50 :] *= 0.01
    expected, [got] = front_end.torch(clip), front_end.quantised(clip)
    assert cosine(got[:45], expected[:45]) > MIN_COSINE
    quiet, wanted = got[55:] - got[55:].mean(axis=0), expected[55:] - expected[55:].mean(axis=0)
    assert cosine(quiet, wanted) > 0.99


def test_digital_silence_is_no_division_by_zero(tmp_path: Path) -> None:
    front_end = FrontEnd(tmp_path, feat_extract_activation="relu")
    clip = noisy_clip(3, 80 + STEP * 60)
    clip[STEP * 20 : STEP * 40] = 0
    expected, [got] = front_end.torch(clip), front_end.quantised(clip)
    assert np.isfinite(got).all()
    assert cosine(got, expected) > MIN_COSINE


def test_a_frame_does_not_depend_on_where_the_clip_ends_nor_on_the_batch(tmp_path: Path) -> None:
    """But for the rounding of the last two, whose rows end with what comes behind the clip."""
    front_end = FrontEnd(tmp_path, feat_extract_norm="layer")
    clip, other = (noisy_clip(seed, 80 + STEP * 173) for seed in (5, 6))
    [whole] = front_end.quantised(clip)
    for frames in (5, 52, 170):
        [part] = front_end.quantised(clip[: 80 + STEP * frames])
        np.testing.assert_allclose(part[:-2], whole[: frames - 2], rtol=0, atol=1e-6)
        assert cosine(part[-2:], whole[frames - 2 : frames]) > 0.9999
    np.testing.assert_allclose(front_end.quantised(other, clip)[1], whole, rtol=0, atol=1e-6)


def test_all_convolutions_but_the_first_are_in_int8(tmp_path: Path) -> None:
    front_end = FrontEnd(tmp_path)
    kinds = [node.op_type for node in all_nodes(front_end.model.graph)]
    # Of 3, 3, 3, 3, 2 and 2 taps at strides of 2: one more where a window reaches into another row.
    assert kinds.count("MatMulIntegerToFloat") == 4 * 2 + 2


def all_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Those of loops' bodies too."""
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                nodes += all_nodes(attribute.g)
    return nodes
