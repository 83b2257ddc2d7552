"""The count of multiply-accumulates, against small cases done by hand and torch's own counter."""

import pytest
import torch
from benchmarks.macs import count_macs
from torch.nn.utils.parametrize import remove_parametrizations
from torch.utils.flop_counter import FlopCounterMode
from transformers import Wav2Vec2Config, Wav2Vec2Model

from tests.export.conftest import CONFIGS, SMALL


def test_two_convolutions_and_one_layer_by_hand() -> None:
    config = {
        "conv_dim": (2, 3),
        "conv_kernel": (4, 3),
        "conv_stride": (2, 1),
        "hidden_size": 4,
        "intermediate_size": 5,
        "num_hidden_layers": 1,
        "num_conv_pos_embedding_groups": 2,
        "num_conv_pos_embeddings": 6,
    }
    macs = count_macs(config, samples=14)  # 6 frames, then 4
    assert macs.convolutions == 6 * 2 * 1 * 4 + 4 * 3 * 2 * 3
    assert macs.position == 4 * 4 * 2 * 6
    assert macs.linear == 4 * (3 * 4) + 4 * (4 * 4 * 4 + 2 * 4 * 5)
    assert macs.attention == 2 * 4 * 4 * 4
    assert macs.total == 120 + 192 + 464 + 128


@pytest.mark.parametrize("kind", CONFIGS)
def test_agrees_with_the_operators_that_torch_runs(kind: str) -> None:
    config = Wav2Vec2Config(**{**SMALL, **CONFIGS[kind]})
    model = Wav2Vec2Model(config).eval()
    model.set_attn_implementation("eager")
    remove_parametrizations(model.encoder.pos_conv_embed.conv, "weight")  # the counter can't
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.randn(1, 8000))
    # torch counts two operations for each.
    assert count_macs(config.to_dict(), 8000).total * 2 == counter.get_total_flops()
