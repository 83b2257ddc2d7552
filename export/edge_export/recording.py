"""What a graph of lower precision answers, written into its package for `edge-detect verify`.

For a package that was exported before (it only changes its manifest and adds the answers)::

    manifest = with_recorded(read_manifest(folder), folder)
    (folder / MANIFEST_FILE).write_text(format_manifest(manifest), encoding="utf-8")
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_detect.decoding import Waveform
from edge_detect.manifest import Graph, Manifest, Recorded
from edge_detect.processor import cpu_kind, is_precise
from edge_detect.recorded import (
    LEAST_SHARE,
    STORED,
    agrees,
    excerpts,
    golden_waveforms,
)
from edge_detect.session import GraphSession, Tensor
from edge_detect.store import file_sha256

EXCERPTS = 36
"""About as many, spread over the golden clips."""
MIN_EXCERPTS = 12

LENGTHS_S = (0.5, 0.25, 0.1, 0.05, 0.025)
"""The longer, the more weights are felt, and the likelier that a rounding hits."""

NOISE = 1e-6
"""Relative, on each sample: it moves fp32 more than another release of onnxruntime does (7e-7)."""
SEED = 20_261_125


def with_recorded(manifest: Manifest, folder: Path) -> Manifest:
    """Record the answers of every lower precision of the package in `folder`; gives its manifest.

    Graphs that don't run on a CPU have none, nor those whose answers are unsteady, nor any where
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
    """Write a graph's answers to the longest excerpts on which they are steady."""
    if graph.precision == "fp32" or "cpu" not in graph.devices or not is_precise(cpu_kind()):
        return None
    session = GraphSession(folder / graph.file, graph, "cpu", None)
    hop = max(1, sum(map(len, clips)) // EXCERPTS)
    for samples in lengths(manifest):
        cut = excerpts(clips, manifest.sample_rate, samples, hop)
        embeddings = [answer(session, waveform) for waveform in cut]
        if len(cut) >= MIN_EXCERPTS and steady(session, cut, embeddings):
            path = folder / "golden" / f"{graph.precision}.f32"
            path.write_bytes(np.stack(embeddings).astype(STORED).tobytes())
            file = path.relative_to(folder).as_posix()
            return Recorded(file, file_sha256(path), cpu_kind(), samples, hop)
    return None


def lengths(manifest: Manifest) -> list[int]:
    """Samples of an excerpt, the longest first."""
    counts = [round(seconds * manifest.sample_rate) for seconds in LENGTHS_S]
    return [samples for samples in counts if samples >= manifest.min_samples]


def answer(session: GraphSession, waveform: Waveform) -> Tensor:
    """(samples,) -> (hidden,)."""
    embedding: Tensor = session.run(waveform[np.newaxis])[0]
    return embedding


def steady(session: GraphSession, cut: Sequence[Waveform], embeddings: Sequence[Tensor]) -> bool:
    """Whether noise leaves twice as many excerpts agreeing as `verify` asks for."""
    rng = np.random.default_rng(SEED)
    agreeing = sum(
        agrees(answer(session, noisy(waveform, rng)), embedding)
        for waveform, embedding in zip(cut, embeddings, strict=True)
    )
    return agreeing >= 2 * LEAST_SHARE * len(cut)


def noisy(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """The waveform as float32 with another rounding."""
    noise = 1 + NOISE * rng.standard_normal(waveform.shape)
    return (waveform * noise).astype(np.float32)
