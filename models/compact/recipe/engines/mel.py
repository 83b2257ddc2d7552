"""What the copy-synthesis vocoders share: their mel spectrogram and the job around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import librosa
import numpy as np
from jobs import Job, write_wav
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

SAMPLE_RATE = 22050
_N_FFT = 1024
HOP = 256
_FLOOR = 1e-5
_OTHER_RATES = (17_000, 19_000, 24_000, 27_000)
_OWN_RATE_SHARE = 0.5
_BANDS = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=_N_FFT, n_mels=80, fmin=0, fmax=8000)
_EXACT_SHARE = 0.4
"""Of copies whose mel spectrogram is that of the recording."""
_MOST_BLUR = (1.2, 1.5)
"""Standard deviations in bands and in frames."""
_ALTERED_SHARE = 0.5
"""Of copies by a vocoder whose weights were altered."""
_NOISE = (0.02, 0.2)
"""Standard deviation of what is added to a tensor's weights, relative to their own; on these
vocoders the largest doubles the error of the copy's log-mel spectrogram."""
_BITS = (None, None, 6, 7)
"""To which weights are rounded, if they are; each as likely as another."""


@dataclass(frozen=True)
class Alteration:
    """What was done to the weights of a vocoder, so that it leaves traces of its own.

    A trained generator cancels most of what its upsampling leaves in a voice. What it fails to
    cancel differs from one training to the next, and so it does from one alteration to the next.
    """

    seed: int
    noise: float
    """Standard deviation, relative to that of the weights of a tensor."""
    bits: int | None
    """To which the weights are rounded; None leaves them alone."""

    def apply(self, weights: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The altered weights of each tensor, of any shape."""
        rng = np.random.default_rng(self.seed)
        for weight in weights:
            noise = rng.standard_normal(weight.shape, np.float32)
            altered = weight + np.float32(self.noise * weight.std()) * noise
            if self.bits is not None:
                step = np.abs(altered).max() / (2 ** (self.bits - 1) - 1)
                altered = np.round(altered / step) * step
            yield np.asarray(altered, np.float32)


def draw_alteration(rng: Random) -> Alteration | None:
    """A random alteration, or none."""
    if rng.random() >= _ALTERED_SHARE:
        return None
    return Alteration(rng.getrandbits(32), rng.uniform(*_NOISE), rng.choice(_BITS))


def log_mel(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural-log mel magnitudes, float32 (80, frames), of a waveform taken for 22.05 kHz.

    The settings (centred frames, bands to 8 kHz) are those at which both bundled vocoders
    reproduce their input best.
    """
    magnitude = np.abs(librosa.stft(waveform, n_fft=_N_FFT, hop_length=HOP))
    return np.log(np.maximum(_BANDS @ magnitude, _FLOOR)).astype(np.float32)


def predicted_mel(waveform: NDArray[np.float32], rng: Random) -> NDArray[np.float32]:
    """`log_mel`, mostly blurred by a random amount: what an acoustic model predicts is smoother
    than speech, and a vocoder behind one never sees anything else."""
    mel = log_mel(waveform)
    if rng.random() < _EXACT_SHARE:
        return mel
    blur = [rng.uniform(0.2, most) for most in _MOST_BLUR]
    return np.asarray(gaussian_filter(mel, blur), np.float32)


Vocoder = Callable[[NDArray[np.float32], Alteration | None], NDArray[np.float32]]
"""Log-mel (80, frames) -> waveform (samples,), by weights altered so."""


def through(vocode: Vocoder) -> Callable[[NDArray[np.float32], Random], NDArray[np.float32]]:
    """Through the mel spectrogram and back, (samples,), half of the time by altered weights."""

    def copied(waveform: NDArray[np.float32], rng: Random) -> NDArray[np.float32]:
        mel, alteration = predicted_mel(waveform, rng), draw_alteration(rng)
        return vocode(mel, alteration)

    return copied


def copier(
    vocode: Callable[[NDArray[np.float32], Random], NDArray[np.float32]],
) -> Callable[[Job, Path], None]:
    """The `speak` function of a vocoder: float32 (samples,) in, the same out; what it leaves to
    chance hangs on the job alone.

    Half of the copies are made at another sample rate than the vocoder believes: its traces, which
    stand at fixed frequencies and frame rates, come to lie where those of other vocoders are.

    Raises (when it speaks):
        ValueError: the copy is silent, or no number.
    """

    def speak(job: Job, part: Path) -> None:
        rng = Random(Path(job.out).stem)
        rate = SAMPLE_RATE if rng.random() < _OWN_RATE_SHARE else rng.choice(_OTHER_RATES)
        waveform, _ = librosa.load(job.source, sr=rate)
        copy = vocode(waveform, rng)[: len(waveform)]
        peak = float(np.abs(copy).max())
        if not 0 < peak < np.inf:
            raise ValueError(f"the copy of {job.source} peaks at {peak}: its vocoder is broken")
        copy = copy / max(1.0, peak)
        write_wav(part, (copy * 32767).astype("<i2").tobytes(), rate)

    return speak
