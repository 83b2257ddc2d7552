"""The losses of the recipe's training, against sums done by hand."""

import math

import pytest
import torch
from transformers import Wav2Vec2Model

from encoder import CONFIG, frame_count
from training import label_loss, learning_rate


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_the_labels_loss_of_one_pair() -> None:
    real, copied = -1.0, 2.0
    labels = (softplus(real) + softplus(-copied)) / 2
    ordered = softplus(real - copied)
    apart = softplus(1 + real - copied) / 2
    assert label_loss(torch.tensor([real, copied])).item() == pytest.approx(
        labels + ordered + apart, rel=1e-6
    )


def test_an_original_is_compared_with_every_copy() -> None:
    near, far = (
        label_loss(torch.tensor([0.0, 1.0, 0.0, 1.0])),
        label_loss(torch.tensor([0.0, 1.0, 4.0, 5.0])),
    )
    assert far > near


@pytest.mark.parametrize("samples", [400, 19_200, 38_400, 48_001])
def test_frames_are_counted_as_the_encoder_counts_them(samples: int) -> None:
    encoder = Wav2Vec2Model(CONFIG)
    counted = encoder._get_feat_extract_output_lengths(torch.tensor(samples))
    assert frame_count(samples) == int(counted)


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    rates = [learning_rate(step, 500) for step in range(501)]
    assert rates[0] == 1 / 50
    assert max(rates) == 1
    assert rates[-1] == pytest.approx(0)
