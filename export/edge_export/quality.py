"""What a graph of lower precision costs and gains, against the fp32 graph beside it."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_detect.audio import load_audio
from edge_detect.manifest import Graph, Quality
from edge_detect.processor import cpu_kind
from edge_detect.rates import equal_error_rate, wilson_interval
from edge_detect.session import GraphSession
from edge_export.errors import QualityError
from edge_export.heads import Head
from edge_export.parity import Float32, Pair
from edge_export.prepared import PreparedEncoder
from edge_export.probes import quality_probes, voice

MAX_FLIP_RATE = 0.01
"""The share of clips whose label may change; with fewer than 100 clips, none may."""

SPEED_SECONDS = 4.0
SPEED_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class JudgedClip:
    """A clip, and its label where somebody said it."""

    waveform: Float32
    """(samples,)"""
    label: str | None = None


@dataclass(frozen=True)
class QualityClips:
    """The clips on which lower precisions are judged."""

    source: str
    clips: Sequence[JudgedClip]


def quality_clips(
    folder: str | os.PathLike[str] | None, sample_rate: int, labels: Sequence[str]
) -> QualityClips:
    """Every file below `folder`, labelled where its own folder has a label's name.

    Without a folder: clips made by arithmetic.

    Raises:
        AudioError: a file can't be read.
        QualityError: there is no file.
    """
    if folder is None:
        clips = [JudgedClip(probe.waveform) for probe in quality_probes(sample_rate)]
        return QualityClips("made by arithmetic", clips)
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    if not files:
        raise QualityError(f"no file below {os.fspath(folder)!r}; give a folder of clips")
    clips = [
        JudgedClip(
            load_audio(path, sample_rate), path.parent.name if path.parent.name in labels else None
        )
        for path in files
    ]
    return QualityClips(Path(folder).name, clips)


def judge_graph(
    graph: Graph,
    encoder: PreparedEncoder,
    head: Head,
    bonafide: Sequence[str],
    clips: QualityClips,
    max_flips: float,
) -> Graph:
    """The graph with its quality.

    Raises:
        QualityError: it changes the label of more than `max_flips` of the clips.
    """
    session = GraphSession(encoder.folder / graph.file, graph, "cpu", None)
    pairs = [
        Pair(graph.precision, session.run(c.waveform[np.newaxis])[0], encoder.embed(c.waveform))
        for c in clips.clips
    ]
    quality = measure_quality(pairs, head, bonafide, clips)
    if quality.flips > max_flips * quality.clips:
        raise QualityError(
            f"{graph.precision} changes {quality.flips} of {quality.clips} verdicts (at most "
            f"{max_flips:.1%}); leave it out, or judge it on clips of your own (--quality-clips)"
        )
    return replace(graph, quality=quality)


class Classes(Protocol):
    """What makes probabilities of embeddings: a head, or a package's classifier graph."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the classes, in the order of the probabilities."""

    def probabilities(self, embeddings: Float32) -> npt.NDArray[np.float64]:
        """(clips, hidden) -> (clips, classes)."""


def measure_quality(
    pairs: Sequence[Pair], head: Classes, bonafide: Sequence[str], clips: QualityClips
) -> Quality:
    """Differences of embeddings and of what the head makes of them."""
    found = head.probabilities(np.stack([pair.embedding for pair in pairs]))
    right = head.probabilities(np.stack([pair.expected for pair in pairs]))
    cosines = [pair.cosine for pair in pairs]
    errors = np.abs(found - right)
    flips = int((found.argmax(axis=1) != right.argmax(axis=1)).sum())
    low, high = wilson_interval(flips, len(pairs))
    names = [clip.label for clip in clips.clips]
    real = np.array([name in bonafide for name in names])
    labelled = None not in names and bool(real.any()) and not bool(real.all())
    columns = [head.labels.index(label) for label in bonafide]
    found_eer, right_eer = (
        equal_error_rate(real, probabilities[:, columns].sum(axis=1)).rate if labelled else None
        for probabilities in (found, right)
    )
    return Quality(
        source=clips.source,
        clips=len(pairs),
        cosine_min=min(cosines),
        cosine_mean=statistics.fmean(cosines),
        probability_max_abs=float(errors.max()),
        probability_mean_abs=float(errors.mean()),
        flips=flips,
        flip_rate_low=low,
        flip_rate_high=high,
        eer=found_eer,
        eer_reference=right_eer,
    )


def measure_speedup(exact: Graph, lower: Graph, folder: Path, sample_rate: int) -> dict[str, float]:
    """This kind of CPU to how many times as fast as `exact` the graph `lower` is here.

    Medians of alternated runs on one thread; nothing for a graph that is not for a CPU.
    """
    if "cpu" not in lower.devices:
        return {}
    clip = voice(SPEED_SECONDS, sample_rate)[np.newaxis]
    sessions = [GraphSession(folder / graph.file, graph, "cpu", 1) for graph in (exact, lower)]
    samples: list[list[float]] = [[], []]
    for _ in range(SPEED_ROUNDS + 1):
        for session, seconds in zip(sessions, samples, strict=True):
            start = time.perf_counter()
            session.run(clip)
            seconds.append(time.perf_counter() - start)
    slow, fast = (statistics.median(seconds[1:]) for seconds in samples)  # the first warms up
    return {cpu_kind(): slow / fast}
