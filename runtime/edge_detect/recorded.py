"""Whether a graph of lower precision answers as it did when it was exported.

Rounding to few levels is no continuous function: a value that lies next to the border of two levels
falls to the other side where a sum was added in another order, and everything behind it, of that
clip, moves by as much as a changed weight moves it. A bound on the differences would let both pass
or neither. But a clip is hit or not: short excerpts are mostly not hit and then agree as closely as
fp32 does, while a changed weight is felt in most of them. So the share of those that agree tells.

Over 30 excerpts of 0.5 s, an int8 of compact whose convolutions were floats ("x86-64 avx2"):

- Between 1 and 2 threads and from run to run, all agree. Between onnxruntime 1.24 and 1.32, whose
  fp32 embeddings are up to 7e-7 apart, three quarters do; with noise of 1e-6 on each sample, 60 %.
- One weight moved by its tensor's standard deviation leaves less than a quarter agreeing in 56 of
  60 cases, moved by a 43rd of that in 27 (a step of int8, in 1 of 8): rounding swallows the rest.
  The biases of the attention's keys change no answer at all.

Where the convolutions are integers too, a rounding hits nearly every excerpt above 0.05 s, which is
one frame of compact's: attention and positions then count for nothing, and 35 of 60 are caught.

Kinds of CPU sum int8 differently (without VNNI, x86 saturates at 16 bits): across them nothing is
expected. Nor in fp16, where every excerpt is hit.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_detect.audio import SILENCE_DBFS, load_audio, loudest_frame_dbfs
from edge_detect.decoding import Waveform
from edge_detect.errors import InvalidManifest
from edge_detect.manifest import Manifest, Recorded
from edge_detect.session import Tensor
from edge_detect.store import ModelPackage

AGREES_MAX_ABS = 1e-5
"""Of an embedding: fp32's bound, which an excerpt keeps that no rounding hit."""

LEAST_SHARE = 0.25
"""Of the excerpts; twice as many agree under the noise that an export tries."""

STORED = "<f4"


@dataclass(frozen=True)
class Agreement:
    """Excerpts of the golden clips, and how many are answered as they were at export."""

    excerpts: int
    agreeing: int
    least: int
    """How many have to agree."""


def agreement(
    package: ModelPackage, recorded: Recorded, embed: Callable[[Waveform], Tensor]
) -> Agreement:
    """Compare the answers of `embed`, waveform (samples,) to embedding (hidden,).

    Raises:
        ModelError: what was recorded can't be used.
        EdgeDetectError: an excerpt has no answer.
    """
    clips = golden_waveforms(package.folder, package.manifest)
    cut = excerpts(clips, package.manifest.sample_rate, recorded.samples, recorded.hop)
    right = recorded_embeddings(package, recorded, len(cut))
    agreeing = sum(agrees(embed(waveform), one) for waveform, one in zip(cut, right, strict=True))
    return Agreement(len(cut), agreeing, math.ceil(LEAST_SHARE * len(cut)))


def agrees(embedding: Tensor, right: Tensor) -> bool:
    """Whether two embeddings differ by nothing but the order of float additions."""
    return bool(np.abs(embedding - right).max() <= AGREES_MAX_ABS)


def golden_waveforms(folder: Path, manifest: Manifest) -> list[Waveform]:
    """The golden clips of the package in `folder`."""
    return [load_audio(folder / clip.file, manifest.sample_rate) for clip in manifest.golden]


def excerpts(clips: Iterable[Waveform], rate: int, samples: int, hop: int) -> list[Waveform]:
    """`samples` of each clip from every `hop`-th on, but for what is silent: no model judges it."""
    cut = [
        clip[start : start + samples]
        for clip in clips
        for start in range(0, len(clip) - samples + 1, hop)
    ]
    return [one for one in cut if loudest_frame_dbfs(one, rate) >= SILENCE_DBFS]


def recorded_embeddings(package: ModelPackage, recorded: Recorded, number: int) -> Tensor:
    """(number, hidden) as they were written.

    Raises:
        ModelCorrupted: the file is missing or its sha256 differs.
        InvalidManifest: it holds another number of values, or some that are not finite.
    """
    package.verify_file(recorded.file, recorded.sha256)
    values: Tensor = np.fromfile(package.folder / recorded.file, STORED)
    expected = number * package.manifest.hidden_size
    if not number or len(values) != expected or not np.isfinite(values).all():
        raise InvalidManifest(
            f"{recorded.file!r} holds {len(values)} values, not {expected} finite ones; "
            "export the model again"
        )
    return values.reshape(number, package.manifest.hidden_size)
