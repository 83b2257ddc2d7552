"""The trivial detector every figure is compared with: it hears the channel, not the voice."""

from __future__ import annotations

import numpy as np

from views import Features
from waveform import Waveform

_WINDOW = 400
_HOP = 160
_BANDS = 20
_PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)


def channel_features(waveform: Waveform) -> Features:
    """Log energies of 20 equal bands to 8 kHz and percentiles of the frame levels, (29,).

    Band energies are relative to the whole, levels (dB) to the loudest frame, so loudness is out.
    """
    frames = np.lib.stride_tricks.sliding_window_view(waveform, _WINDOW)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW)))) + 1e-10
    bands = np.array([band.sum() for band in np.array_split(power.mean(axis=0), _BANDS)])
    levels = 10 * np.log10(power.sum(axis=1))
    percentiles = np.percentile(levels - levels.max(), _PERCENTILES)
    return np.concatenate((np.log(bands / bands.sum()), percentiles)).astype(np.float32)
