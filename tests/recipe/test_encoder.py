"""The encoder as it is saved."""

import numpy as np
import torch
from scipy.signal import firwin
from transformers import Wav2Vec2Model

from encoder import CONFIG, narrowed, normalise


def _made() -> Wav2Vec2Model:
    torch.manual_seed(0)
    return Wav2Vec2Model(CONFIG).eval()


@torch.no_grad()
def test_the_low_pass_in_the_first_filters_is_that_before_them() -> None:
    encoder = _made()
    waveform = torch.randn(1, 16_000)
    taps = torch.from_numpy(firwin(91, 3_500, fs=16_000)).float()
    filtered = torch.nn.functional.conv1d(waveform[None], taps[None, None])[0]
    expected = encoder(filtered).last_hidden_state
    assert torch.allclose(narrowed(encoder)(waveform).last_hidden_state, expected, atol=1e-4)


@torch.no_grad()
def test_a_saved_encoder_does_not_hear_what_is_above_a_telephone() -> None:
    times = np.arange(16_000) / 16_000
    low = torch.randn(1, 16_000)
    hiss = torch.from_numpy(np.sin(2 * np.pi * 6_000 * times)).float()[None]
    encoder = _made()

    def moved(model: Wav2Vec2Model) -> float:
        means = [model(w).last_hidden_state.mean(dim=1) for w in (low, low + hiss)]
        return float((means[0] - means[1]).norm() / means[0].norm())

    assert moved(narrowed(encoder)) < 0.02
    assert moved(encoder) > 0.05
    assert normalise(low).std() > 0.99
