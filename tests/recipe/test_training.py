"""The recipe's training: its losses against sums done by hand, its branches and their mean."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Wav2Vec2Model

import batches
import training
from batches import VOCODER_WEIGHTS, Batch
from crops import CROP_SAMPLES, Crops
from encoder import CONFIG, ENCODER_FOLDER, Student, frame_count
from teacher import SIZE
from training import Trainer, label_loss, learning_rate, mean_of, train_branches


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


def test_the_mean_of_students_is_that_of_every_weight() -> None:
    first, second = Student().requires_grad_(False), Student().requires_grad_(False)
    mean = mean_of([first, second])
    for own, one, other in zip(
        mean.parameters(), first.parameters(), second.parameters(), strict=True
    ):
        assert torch.allclose(own, (one + other) / 2)


def some_crops() -> Crops:
    """Noise: a copy, its original and a real crop in turn."""
    origins = [name for vocoder in VOCODER_WEIGHTS for name in (vocoder, "", "ktuberling")]
    rng = np.random.default_rng(0)
    return Crops(
        samples=rng.integers(-3000, 3000, (len(origins), CROP_SAMPLES), np.int16),
        frames=rng.standard_normal((len(origins), 75, SIZE)).astype(np.float16),
        origins=np.array(origins),
        copies=np.array([origin in VOCODER_WEIGHTS for origin in origins]),
    )


def test_branches_go_on_from_one_trunk_and_a_killed_training_ends_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda model: model)  # it takes minutes
    monkeypatch.setattr(training, "_CHECK_EVERY", 1)
    monkeypatch.setattr(batches, "BATCH_SECONDS", 12)
    crops, whole, killed = some_crops(), tmp_path / "whole", tmp_path / "killed"
    train_branches(crops, crops, whole, steps=2)
    steps = [
        [json.loads(line)["step"] for line in log.read_text().splitlines()]
        for log in sorted((whole / "training").glob("branch-*/log.jsonl"))
    ]
    assert steps == [[1, 2], [2], [2]]

    taken = iter(range(3))
    take_step = Trainer._take_step

    def take_three(trainer: Trainer, batch: Batch) -> dict[str, float]:
        next(taken)
        return take_step(trainer, batch)

    monkeypatch.setattr(Trainer, "_take_step", take_three)
    with pytest.raises(StopIteration):
        train_branches(crops, crops, killed, steps=2)
    monkeypatch.setattr(Trainer, "_take_step", take_step)
    train_branches(crops, crops, killed, steps=2)
    ended, resumed = (load_file(f / ENCODER_FOLDER / "model.safetensors") for f in (whole, killed))
    assert all(torch.equal(weight, resumed[name]) for name, weight in ended.items())
