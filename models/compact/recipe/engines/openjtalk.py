"""HTS through pyopenjtalk-plus, its bundled Mei voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyopenjtalk
from jobs import Job, jobs_from_arguments, run, write_wav


def speak(job: Job, part: Path) -> None:
    """One utterance."""
    samples, sample_rate = pyopenjtalk.tts(job.source, speed=job.speed)
    pcm = np.clip(samples, -32768, 32767).astype("<i2").tobytes()
    write_wav(part, pcm, int(sample_rate))


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
