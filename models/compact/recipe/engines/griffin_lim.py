"""Griffin-Lim copy-synthesis: the magnitudes kept, the phase reconstructed (librosa)."""

from __future__ import annotations

from random import Random

import librosa
import numpy as np
from jobs import jobs_from_arguments, run
from mel import copier
from numpy.typing import NDArray

_WINDOWS = (512, 800, 1024, 1600)
_OVERLAP = 4
_ITERATIONS = (4, 8, 16, 32)
"""Few leave a hoarse voice, many a nearly natural one."""


def vocode(waveform: NDArray[np.float32], rng: Random) -> NDArray[np.float32]:
    """Forget the phase, then find one again."""
    window = rng.choice(_WINDOWS)
    hop = window // _OVERLAP
    magnitude = np.abs(librosa.stft(waveform, n_fft=window, hop_length=hop))
    return librosa.griffinlim(
        magnitude,
        n_iter=rng.choice(_ITERATIONS),
        hop_length=hop,
        length=len(waveform),
        random_state=rng.getrandbits(32),
    )


if __name__ == "__main__":
    run(copier(vocode), jobs_from_arguments())
