"""Vocoders with altered weights, which copy speech for the recipe."""

from random import Random

import hifigan
import melgan
import numpy as np
import pytest
import torch
from mel import Alteration, draw_alteration
from onnx import helper, numpy_helper
from torch import nn


def test_noise_is_relative_to_each_tensor() -> None:
    weights = [np.random.default_rng(0).normal(0, size, (200, 50)) for size in (1e-3, 10.0)]
    altered = Alteration(seed=1, noise=0.1, bits=None).apply(
        np.asarray(weight, np.float32) for weight in weights
    )
    for weight, changed in zip(weights, altered, strict=True):
        assert np.std(changed - weight) == pytest.approx(0.1 * np.std(weight), rel=0.05)


def test_rounded_weights_have_so_many_values() -> None:
    weight = np.linspace(-1, 1, 1_001, dtype=np.float32)
    (rounded,) = Alteration(seed=1, noise=0.0, bits=6).apply([weight])
    assert len(np.unique(rounded)) == 2**6 - 1
    assert np.abs(rounded - weight).max() <= 0.5 / 31 + 1e-6


def test_half_of_the_copies_are_altered_each_in_its_own_way() -> None:
    drawn = [draw_alteration(Random(seed)) for seed in range(400)]
    altered = [alteration for alteration in drawn if alteration is not None]
    assert 160 < len(altered) < 240
    assert len(set(altered)) == len(altered)
    assert draw_alteration(Random(7)) == draw_alteration(Random(7))


def test_altering_the_graph_leaves_the_graph_itself_and_its_biases_alone() -> None:
    kernel, bias = np.ones((2, 1, 3), np.float32), np.ones(2, np.float32)
    kernel[0] = 2
    tensors = [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")]
    model = helper.make_model(helper.make_graph([], "vocoder", [], [], tensors))
    changed = hifigan.altered(model, Alteration(seed=1, noise=0.2, bits=None))
    before, after = (
        [numpy_helper.to_array(tensor) for tensor in one.graph.initializer]
        for one in (model, changed)
    )
    assert np.array_equal(before[0], kernel)
    assert not np.array_equal(after[0], kernel)
    assert np.array_equal(after[1], bias)


def test_altering_the_generator_leaves_the_generator_itself_alone() -> None:
    generator = nn.Sequential(nn.Conv1d(2, 2, 3))
    kernel = generator[0].weight.detach().clone()
    changed = melgan.altered(generator, Alteration(seed=1, noise=0.2, bits=None))
    assert torch.equal(generator[0].weight, kernel)
    assert not torch.equal(changed[0].weight, kernel)
    assert torch.equal(changed[0].bias, generator[0].bias)
