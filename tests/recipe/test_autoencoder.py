"""The autoencoders that copy speech for the recipe."""

import numpy as np
import pytest
import torch
from autoencoder import SHAPES, Autoencoder, Shape, SubPixel, error


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("samples", [6400, 4801])
def test_a_copy_is_as_long_as_its_original(shape: Shape, samples: int) -> None:
    made = Autoencoder(shape).eval()(torch.zeros(2, samples))
    assert made.shape == (2, samples)


def test_the_code_is_shorter_than_the_waveform() -> None:
    for shape in SHAPES:
        model = Autoencoder(shape)
        code = model.encoder(torch.zeros(1, 1, 6400))
        assert code.shape[1] == shape.code
        assert code.numel() < 6400


def test_sub_pixels_become_neighbours_in_time() -> None:
    x = torch.tensor([[[1.0, 3.0], [2.0, 4.0]]])
    assert SubPixel(2)(x).tolist() == [[[1, 2, 3, 4]]]


def test_an_exact_copy_has_no_error() -> None:
    rng = np.random.default_rng(0)
    waveforms = torch.from_numpy(rng.standard_normal((2, 6400)).astype(np.float32))
    assert error(waveforms, waveforms).item() == 0
    assert error(0.9 * waveforms, waveforms).item() > 0
