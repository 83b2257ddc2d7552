"""WORLD copy-synthesis through pyworld: pitch, envelope and aperiodicity, then back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyworld
import soundfile
from jobs import Job, jobs_from_arguments, run, write_wav


def speak(job: Job, part: Path) -> None:
    """One copy at the clip's own rate."""
    waveform, sample_rate = soundfile.read(job.source, dtype="float64")
    parameters = pyworld.wav2world(waveform, sample_rate)
    copy = pyworld.synthesize(*parameters, sample_rate)[: len(waveform)]
    copy = copy / max(1.0, float(np.abs(copy).max()))
    write_wav(part, (copy * 32767).astype("<i2").tobytes(), sample_rate)


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
