"""Whether a graph of lower precision answers as it did when it was exported.

Rounding to few levels is no continuous function: a value that lies next to the border of two levels
falls to the other side where a sum was added in another order, and everything behind it, of that
clip, moves by as much as a changed weight moves it. A bound on the differences would let both pass
or neither. But a clip is hit or not: some short excerpts are not hit and then agree as closely as
fp32 does, while a changed weight is felt in most of them. So the export looks for excerpts that no
rounding hits, however their samples are rounded, and the share of those that agree tells.

Of compact's int8 ("x86-64 avx512-vnni"), noise of 1e-6 on each sample, which is more than between
onnxruntime 1.24 and 1.32 (7e-7 in fp32's embeddings), leaves no answer to 0.5 s as it was, 12 % of
those to 0.25 s and 39 % of those to 0.1 s. Of 482 excerpts of 0.1 s, 27 keep theirs eight times in
turn. Those agree on one thread as on two, and 25 of the 27 do under onnxruntime 1.20 to 1.24. A
weight moved by its tensor's standard deviation leaves less than half agreeing in 46 of 60 cases;
biases of the attention's keys change no answer at all.

Kinds of CPU sum int8 differently (without VNNI, x86 saturates at 16 bits): across them nothing is
expected. Nor in fp16, where every excerpt is hit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_detect.audio import load_audio
from edge_detect.decoded import Waveform
from edge_detect.errors import InvalidManifest
from edge_detect.manifest import Manifest, Recorded
from edge_detect.session import Tensor
from edge_detect.store import ModelPackage

AGREES_MAX_ABS = 1e-5
"""Of an embedding: fp32's bound, which an excerpt keeps that no rounding hit."""

LEAST_SHARE = 0.5
"""Of the excerpts: they are those that noise leaves alone."""

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
    cut = excerpts(np.concatenate(clips), recorded.samples, recorded.starts)
    right = recorded_embeddings(package, recorded, len(cut))
    agreeing = sum(agrees(embed(waveform), one) for waveform, one in zip(cut, right, strict=True))
    return Agreement(len(cut), agreeing, math.ceil(LEAST_SHARE * len(cut)))


def agrees(embedding: Tensor, right: Tensor) -> bool:
    """Whether two embeddings differ by nothing but the order of float additions."""
    return bool(np.abs(embedding - right).max() <= AGREES_MAX_ABS)


def golden_waveforms(folder: Path, manifest: Manifest) -> list[Waveform]:
    """The golden clips of the package in `folder`."""
    return [load_audio(folder / clip.file, manifest.sample_rate) for clip in manifest.golden]


def excerpts(waveform: Waveform, samples: int, starts: Sequence[int]) -> list[Waveform]:
    """`samples` of a waveform (all samples,) from each start on.

    Raises:
        InvalidManifest: one goes beyond the end.
    """
    if max(starts) + samples > len(waveform):
        raise InvalidManifest(
            f"{samples} samples from {max(starts)} on go beyond the {len(waveform)} of the golden "
            "clips; export the model again"
        )
    return [waveform[start : start + samples] for start in starts]


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
