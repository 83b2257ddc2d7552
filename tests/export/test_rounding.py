"""Weights in int8: levels that no processor cuts off, and errors that inputs don't show."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import Conv1d, Linear

from edge_export.checkpoint import open_checkpoint
from edge_export.encoder import load_encoder
from edge_export.rounding import (
    LARGEST,
    RoundedWeight,
    matrix,
    nearest,
    round_columns,
    round_weights,
    window_rows,
)
from tests.export.conftest import SMALL, save_encoder


def error(rounded: RoundedWeight, weight: torch.Tensor, rows: torch.Tensor) -> float:
    """Of what the layer gives, as a share of what it should give."""
    used = torch.from_numpy(rounded.levels * rounded.scale)
    wanted = rows @ weight.T
    return float((rows @ used - wanted).norm() / wanted.norm())


def test_errors_are_made_up_for_where_inputs_go_together() -> None:
    torch.manual_seed(1)
    weight = torch.randn(40, 200)
    # 200 inputs that are mixtures of 30, and never 0 on average.
    rows = torch.randn(5000, 30) @ torch.randn(30, 200) + 0.5 * torch.rand(200)
    fresh = torch.randn(500, 200)
    best, plain = round_columns(weight, rows.T @ rows / len(rows)), nearest(weight)
    assert error(best, weight, rows) < error(plain, weight, rows) / 2
    np.testing.assert_array_equal(best.scale, plain.scale)
    assert error(best, weight, fresh) < 4 * error(plain, weight, fresh)


def test_independent_inputs_are_rounded_to_the_nearest() -> None:
    torch.manual_seed(2)
    weight = torch.randn(8, 20)
    rounded, plain = round_columns(weight, torch.eye(20)), nearest(weight)
    np.testing.assert_array_equal(rounded.levels, plain.levels)


def test_levels_do_not_overflow_pairs_of_16_bits() -> None:
    """u8 by s8, two products added in 16 bits: what processors without VNNI do."""
    assert 2 * 255 * LARGEST < 2**15
    weight = torch.tensor([[3.0, -3, 0.1], [0, 0, 0]])
    for rounded in (round_columns(weight, torch.ones(3, 3)), nearest(weight)):
        assert np.abs(rounded.levels).max() == LARGEST
        assert not rounded.levels[:, 1].any()
        assert np.isfinite(rounded.scale).all()


def test_inputs_that_never_occur_are_no_error() -> None:
    weight = torch.randn(4, 6)
    rounded = round_columns(weight, torch.zeros(6, 6))
    np.testing.assert_array_equal(rounded.levels, nearest(weight).levels)


def test_rows_of_a_convolution_are_its_windows() -> None:
    layer = Conv1d(3, 5, 4, stride=2, bias=False)
    hidden = torch.randn(2, 3, 11)
    rows = window_rows(layer, hidden)
    wanted = layer(hidden).transpose(1, 2).flatten(0, 1)
    product = rows @ matrix(layer).T
    torch.testing.assert_close(
        product / product.norm(dim=1, keepdim=True), wanted / wanted.norm(dim=1, keepdim=True)
    )


def test_every_layer_that_is_quantised_has_weights(tmp_path: Path) -> None:
    encoder = load_encoder(open_checkpoint(save_encoder(tmp_path, **SMALL)))
    before = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    rounded = round_weights(encoder)
    layers = encoder.model.encoder.layers
    linear = [layer for layer in layers.modules() if isinstance(layer, Linear)]
    convolutions = [layer.conv for layer in encoder.model.feature_extractor.conv_layers[1:]]
    assert set(rounded) == {*linear, *convolutions}
    for layer, weight in rounded.items():
        levels = weight.levels * weight.scale
        off = np.abs(levels - matrix(layer).detach().numpy().T) / weight.scale
        assert np.median(off) < 0.5  # in levels: near its own weights, not another layer's
    for name, tensor in encoder.model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    again = round_weights(encoder)  # no hook is left
    assert all(np.array_equal(again[layer].levels, rounded[layer].levels) for layer in rounded)
