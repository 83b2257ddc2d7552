"""What the copy-synthesis vocoders share: their mel spectrogram and the job around them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
from jobs import Job, write_wav
from numpy.typing import NDArray

SAMPLE_RATE = 22050
N_FFT = 1024
HOP = 256
_FLOOR = 1e-5
_BANDS = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=80, fmin=0, fmax=8000)


def log_mel(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural-log mel magnitudes, float32 (80, frames), of a 22.05 kHz waveform.

    The settings (centred frames, bands to 8 kHz) are those at which both bundled vocoders
    reproduce their input best.
    """
    magnitude = np.abs(librosa.stft(waveform, n_fft=N_FFT, hop_length=HOP))
    return np.log(np.maximum(_BANDS @ magnitude, _FLOOR)).astype(np.float32)


def copier(
    vocode: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> Callable[[Job, Path], None]:
    """The `speak` function of a vocoder: float32 (samples,) at 22.05 kHz in, the same out."""

    def speak(job: Job, part: Path) -> None:
        waveform, _ = librosa.load(job.source, sr=SAMPLE_RATE)
        copy = vocode(waveform)[: len(waveform)]
        copy = copy / max(1.0, float(np.abs(copy).max()))
        write_wav(part, (copy * 32767).astype("<i2").tobytes(), SAMPLE_RATE)

    return speak
