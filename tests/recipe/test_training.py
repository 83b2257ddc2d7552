"""The losses of the recipe's training, against sums done by hand."""

import math

import pytest
import torch
from transformers import Wav2Vec2Model

from encoder import CONFIG, frame_count
from training import Learning, Settling, label_loss


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
    rates = [Learning(500).rate(step) for step in range(501)]
    assert rates[0] == 1 / 50
    assert max(rates) == 1
    assert rates[-1] == pytest.approx(0)


def test_what_has_settled_is_the_mean_of_all_steps_but_the_first() -> None:
    part = Settling(first=0, begin=5)
    values = [1.0, 7.0, 2.0, 9.0, 4.0, 8.0, 3.0, 6.0]
    mean = 0.0
    for step, value in enumerate(values, start=1):
        mean += (1 - part.kept(step)) * (value - mean)
    assert mean == pytest.approx(sum(values[4:]) / 4)


def test_the_rate_stays_while_it_settles() -> None:
    assert {Settling(first=0).rate(step) for step in (49, 2000, 3999)} == {1.0}
