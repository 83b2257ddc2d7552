"""What a graph of lower precision answers, written into its package for `edge-detect verify`.

For a package that was exported before (it only changes its manifest and adds the answers)::

    manifest = with_recorded(read_manifest(folder), folder)
    (folder / MANIFEST_FILE).write_text(format_manifest(manifest), encoding="utf-8")
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_detect.audio import SILENCE_DBFS, loudest_frame_dbfs
from edge_detect.decoded import Waveform
from edge_detect.manifest import Graph, Manifest, Recorded
from edge_detect.processor import cpu_kind, is_precise
from edge_detect.recorded import STORED, agrees, golden_waveforms
from edge_detect.session import GraphSession, Tensor
from edge_detect.store import file_sha256

CANDIDATES = 480
"""About as many excerpts are tried, spread over the golden clips."""
MAX_EXCERPTS, MIN_EXCERPTS = 36, 12
"""Of those that are steady."""

LENGTHS_S = (0.5, 0.25, 0.1, 0.05, 0.025)
"""The longer, the more weights are felt, and the likelier that a rounding hits."""

NOISE = 1e-6
"""Relative, on each sample: it moves fp32 more than another release of onnxruntime does (7e-7)."""
ROUNDS = 8
"""How often an answer has to stay as it is under noise."""
PROBED = 8
"""One excerpt in so many is tried once before the others: a deep model has no steady one."""
SEED = 20_261_125


def with_recorded(manifest: Manifest, folder: Path) -> Manifest:
    """Record the answers of every lower precision of the package in `folder`; gives its manifest.

    Graphs that don't run on a CPU have none, nor those with too few steady ones, nor any where
    the system doesn't tell the kind of its CPU.
    """
    clips = golden_waveforms(folder, manifest)
    encoders = tuple(
        replace(graph, recorded=record(graph, clips, manifest, folder))
        for graph in manifest.encoders
    )
    return replace(manifest, encoders=encoders)


def record(
    graph: Graph, clips: Sequence[Waveform], manifest: Manifest, folder: Path
) -> Recorded | None:
    """Write a graph's answers to the longest excerpts of which enough are steady."""
    if graph.precision == "fp32" or "cpu" not in graph.devices or not is_precise(cpu_kind()):
        return None
    session = GraphSession(folder / graph.file, graph, "cpu", None)
    waveform = np.concatenate(clips)
    for samples in lengths(manifest):
        starts = audible_starts(waveform, manifest.sample_rate, samples)
        if not steady_answers(session, waveform, samples, starts[::PROBED], rounds=1):
            continue
        answers = steady_answers(session, waveform, samples, starts, ROUNDS)
        if len(answers) >= MIN_EXCERPTS:
            chosen = list(answers)[:: math.ceil(len(answers) / MAX_EXCERPTS)]
            path = folder / "golden" / f"{graph.precision}.f32"
            embeddings = np.stack([answers[start] for start in chosen])
            path.write_bytes(embeddings.astype(STORED).tobytes())
            file = path.relative_to(folder).as_posix()
            return Recorded(file, file_sha256(path), cpu_kind(), samples, tuple(chosen))
    return None


def lengths(manifest: Manifest) -> list[int]:
    """Samples of an excerpt, the longest first."""
    counts = [round(seconds * manifest.sample_rate) for seconds in LENGTHS_S]
    return [samples for samples in counts if samples >= manifest.min_samples]


def answer(session: GraphSession, waveform: Waveform) -> Tensor:
    """(samples,) -> (hidden,)."""
    embedding: Tensor = session.run(waveform[np.newaxis])[0]
    return embedding


def audible_starts(waveform: Waveform, rate: int, samples: int) -> list[int]:
    """The samples of a waveform (all samples,) from which on excerpts are no silence, which no
    model judges."""
    hop = max(1, len(waveform) // CANDIDATES)
    starts = range(0, len(waveform) - samples + 1, hop)
    return [
        start
        for start in starts
        if loudest_frame_dbfs(waveform[start : start + samples], rate) >= SILENCE_DBFS
    ]


def steady_answers(
    session: GraphSession, waveform: Waveform, samples: int, starts: Sequence[int], rounds: int
) -> dict[int, Tensor]:
    """Answers (hidden,) by the sample of a waveform (all samples,) from which on their excerpt is:
    those that noise leaves as they are in so many rounds."""
    rng = np.random.default_rng(SEED)
    cut = {start: waveform[start : start + samples] for start in starts}
    answers = {start: answer(session, excerpt) for start, excerpt in cut.items()}
    for _ in range(rounds):
        answers = {
            start: right
            for start, right in answers.items()
            if agrees(answer(session, noisy(cut[start], rng)), right)
        }
    return answers


def noisy(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """The waveform as float32 with another rounding."""
    noise = 1 + NOISE * rng.standard_normal(waveform.shape)
    return (waveform * noise).astype(np.float32)
