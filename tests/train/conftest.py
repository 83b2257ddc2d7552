"""Clips made by arithmetic, an encoder that counts its calls, and the command as a process."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_train.cache import Vector
from tests.conftest import Waveform

RATE = 16_000


def clip(seed: int, hertz: float = 200.0) -> Waveform:
    """A quarter of a second of a tone in noise, another for each seed: float32 (samples,)."""
    rng = np.random.default_rng(seed)
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE // 4) / RATE)
    return (tone + 0.01 * rng.standard_normal(RATE // 4)).astype(np.float32)


def write_labels(root: Path, counts: Mapping[str, int]) -> Path:
    """A sub-folder for each label with that many clips, a tone of its own for each label."""
    for number, (label, count) in enumerate(counts.items()):
        (root / label).mkdir(parents=True)
        for i in range(count):
            waveform = clip(1000 * number + i, 200.0 * 3**number)
            soundfile.write(root / label / f"{i:02}.wav", waveform, RATE)
    return root


@dataclass
class CountingEncoder:
    """Level, loudness and zero crossings: enough to tell tones apart, with no model."""

    sha256: str = "ab" * 32
    sample_rate: int = RATE
    min_samples: int = 400
    hidden_size: int = 3
    cuts_silence: bool = False
    calls: list[int] = field(default_factory=list)

    def embed(self, waveform: Waveform) -> Vector:
        """Float32 (samples,) to float32 (3,)."""
        self.calls.append(len(waveform))
        crossings = np.abs(np.diff(np.sign(waveform))).mean()
        return np.array([waveform.mean(), waveform.std(), crossings], np.float32)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the session: embeddings are found by content."""
    return tmp_path_factory.mktemp("cache")


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(cache: Path) -> Run:
    """Runs `edge-detect train` as a whole process, with no hub but one that a test gives."""

    def run_train(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        offline = {"HF_HUB_OFFLINE": "1", "EDGE_DETECT_CACHE": str(cache)}
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "edge_detect", "train", *map(str, args)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, **offline, **environment},
            timeout=300,
        )

    return run_train
