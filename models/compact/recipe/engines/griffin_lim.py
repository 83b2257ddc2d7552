"""Griffin-Lim copy-synthesis: the magnitudes kept, the phase reconstructed (librosa)."""

from __future__ import annotations

import librosa
import numpy as np
from jobs import jobs_from_arguments, run
from mel import HOP, N_FFT, copier
from numpy.typing import NDArray

_ITERATIONS = 32


def vocode(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Forget the phase, then find one again."""
    magnitude = np.abs(librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP))
    return librosa.griffinlim(
        magnitude, n_iter=_ITERATIONS, hop_length=HOP, length=len(waveform), random_state=0
    )


if __name__ == "__main__":
    run(copier(vocode), jobs_from_arguments())
