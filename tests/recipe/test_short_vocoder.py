"""The shortened vocoders that copy speech for the recipe."""

import math
from pathlib import Path

import melgan
import numpy as np
import pytest
import soundfile
import torch
from jobs import Job
from mel import copier
from short_vocoder import SHAPES, HifiTrunk, MelganTrunk, Shape, ShortTime, ShortVocoder, SubBands
from torch.nn import functional

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")


def trunk(shape: Shape) -> HifiTrunk | MelganTrunk:
    """The first stages with random weights."""
    if shape.trunk == "hifigan":
        return HifiTrunk(shape.stages)
    return MelganTrunk(melgan.Generator(), shape.stages)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_copy_is_as_long_as_its_original(shape: Shape) -> None:
    waveforms = torch.randn(2, 8_192, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        made = ShortVocoder(trunk(shape), shape).eval()(waveforms)
    assert made.shape == waveforms.shape
    assert made.isfinite().all()


@pytest.mark.parametrize("broken", [0.0, math.nan])
def test_a_vocoder_that_makes_no_sound_is_an_error(broken: float, tmp_path: Path) -> None:
    source = tmp_path / "original.wav"
    soundfile.write(source, np.zeros(16_000), 16_000)
    job = Job(str(source), "", 1.0, str(tmp_path / "00001.wav"))
    speak = copier(lambda waveform, rng: np.full(len(waveform), broken, np.float32))
    with pytest.raises(ValueError, match="broken"):
        speak(job, tmp_path / "00001.part")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("output", [SubBands(8, 4), ShortTime(8, 4), ShortTime(8, 32)], ids=str)
def test_an_output_makes_up_for_the_stages_that_are_left_out(output: SubBands | ShortTime) -> None:
    factor = output(torch.zeros(1, 8, 10)).shape[-1] // 10
    assert output(torch.zeros(3, 8, 50)).shape == (3, 50 * factor)
    assert factor in (4, 32)


def test_a_silent_short_time_spectrum_has_a_gradient() -> None:
    output = ShortTime(8, 4)
    logarithms, _ = output.spectrum.bias.data.chunk(2)
    logarithms.fill_(-100.0)
    hidden = torch.randn(1, 8, 50, generator=torch.Generator().manual_seed(0))
    output(0.01 * hidden).sum().backward()
    assert all(weight.grad.isfinite().all() for weight in output.parameters())


def test_sub_bands_of_a_waveform_join_to_that_waveform() -> None:
    joined = SubBands(4, 4)
    torch.nn.init.zeros_(joined.bands.bias)
    torch.nn.init.zeros_(joined.bands.weight)
    joined.bands.weight.data[:, :, 3] = torch.eye(4)
    waveform = torch.randn(1, 1, 4_000, generator=torch.Generator().manual_seed(0))
    # The analysis filters are those of synthesis turned round in time, and conv1d turns them again.
    bands = functional.conv1d(waveform, joined.bank, stride=4, padding=31)
    with torch.inference_mode():
        difference = (joined(bands) - waveform[0])[:, 100:-100]
    assert difference.square().mean() < 1e-3 * waveform.square().mean()


def test_a_transform_joins_the_phases_it_is_given() -> None:
    output = ShortTime(1, 4)
    torch.nn.init.zeros_(output.spectrum.weight)
    with torch.no_grad():
        output.spectrum.bias.copy_(torch.full((18,), -math.inf))
        output.spectrum.bias[9:] = 0.0
        # What the window makes of a constant of 1: its sum, and minus half of that beside it.
        output.spectrum.bias[0], output.spectrum.bias[1] = math.log(8.0), math.log(4.0)
        output.spectrum.bias[9 + 1] = math.pi / 2
    with torch.inference_mode():
        made = output(torch.zeros(1, 1, 40)).numpy()
    assert np.allclose(made, 1.0, atol=1e-5)
