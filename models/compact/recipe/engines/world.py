"""WORLD copy-synthesis through pyworld: pitch, envelope and aperiodicity, then back.

Most copies have their parameters simplified as statistical synthesis does it: the envelope and the
aperiodicity coded in few coefficients, all trajectories smoothed in time, the excitation nearer to
a pulse train (Morise et al., 2016; Zen et al., "Statistical parametric speech synthesis", 2009).
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pyworld
import soundfile
from jobs import Job, jobs_from_arguments, run, write_wav
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EXACT_SHARE = 0.25
_COEFFICIENTS = (24, 32, 40, 60)
_CODED_APERIODICITY_SHARE = 0.7
_MOST_FRAMES = 4.0
"""Widest standard deviation of the smoothing, in frames of 5 ms."""


def simplify(
    pitch: Array, envelope: Array, aperiodicity: Array, rate: int, rng: Random
) -> tuple[Array, Array, Array]:
    """Pitch (frames,), envelope and aperiodicity (frames, bins) as a statistical model has them."""
    width = rng.uniform(0.3, _MOST_FRAMES)
    size = 2 * (envelope.shape[1] - 1)
    coded = pyworld.code_spectral_envelope(envelope, rate, rng.choice(_COEFFICIENTS))
    envelope = pyworld.decode_spectral_envelope(smooth(coded, width), rate, size)
    if rng.random() < _CODED_APERIODICITY_SHARE:
        bands = pyworld.code_aperiodicity(aperiodicity, rate)
        aperiodicity = pyworld.decode_aperiodicity(smooth(bands, width), rate, size)
    aperiodicity = np.clip(aperiodicity ** rng.uniform(0.7, 2.0), 1e-3, 1 - 1e-12)
    voiced = pitch > 0
    if voiced.any():
        frames = np.arange(len(pitch))
        contour = np.interp(frames, frames[voiced], np.log(pitch[voiced]))
        pitch = np.where(voiced, np.exp(smooth(contour[:, np.newaxis], width)[:, 0]), 0.0)
    return pitch, envelope, aperiodicity


def smooth(trajectories: Array, width: float) -> Array:
    """Each column of (frames, size) under a Gaussian of that standard deviation in frames."""
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(trajectories, ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel / kernel.sum(), "valid") for column in padded.T]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def speak(job: Job, part: Path) -> None:
    """One copy at the clip's own rate."""
    waveform, rate = soundfile.read(job.source, dtype="float64")
    pitch, times = pyworld.dio(waveform, rate)
    pitch = pyworld.stonemask(waveform, pitch, times, rate)
    envelope = pyworld.cheaptrick(waveform, pitch, times, rate)
    aperiodicity = pyworld.d4c(waveform, pitch, times, rate)
    rng = Random(Path(job.out).stem)
    if rng.random() >= _EXACT_SHARE:
        pitch, envelope, aperiodicity = simplify(pitch, envelope, aperiodicity, rate, rng)
    copy = pyworld.synthesize(pitch, envelope, aperiodicity, rate)[: len(waveform)]
    copy = copy / max(1.0, float(np.abs(copy).max()))
    write_wav(part, (copy * 32767).astype("<i2").tobytes(), rate)


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
