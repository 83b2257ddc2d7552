"""The exported graphs against what they were exported from."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_detect.manifest import Parity
from edge_detect.session import GraphSession
from edge_export.errors import ParityError
from edge_export.heads import ForestClassifier, Head
from edge_export.probes import Probe

Float32: TypeAlias = npt.NDArray[np.float32]

EMBEDDING_MAX_ABS = 1e-4
FAST_EMBEDDING_MAX_ABS = 1e-5
"""Of the graphs that are built from the weights here."""
EMBEDDING_MIN_COSINE = 0.999999
PROBABILITY_MAX_ABS = 1e-5
VOTE_TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Pair:
    """One probe's embedding by the encoder graph, and the right one, both float32 (hidden,)."""

    probe: str
    embedding: Float32
    expected: Float32

    @property
    def max_abs(self) -> float:
        """Largest difference of a component."""
        return float(np.abs(self.embedding - self.expected).max())

    @property
    def cosine(self) -> float:
        """Cosine of the angle between the two, in float64."""
        a, b = self.embedding.astype(np.float64), self.expected.astype(np.float64)
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@dataclass(frozen=True)
class EmbeddingParity:
    """Largest differences of the embedding over the export's clips."""

    clips: int
    max_seconds: float
    """Duration of the longest clip compared."""
    embedding_max_abs: float
    embedding_min_cosine: float


class Reference(Protocol):
    """An encoder whose embeddings are taken for true."""

    sample_rate: int
    """Hz"""

    def load_audio(self, path: str | os.PathLike[str]) -> Float32:
        """Mono float32 (samples,) at the encoder's sample rate."""

    def embed(self, waveform: Float32) -> Float32:
        """Mean over time of the last hidden states: (samples,) to float32 (hidden,)."""


def run_probes(encoder: GraphSession, reference: Reference, probes: Sequence[Probe]) -> list[Pair]:
    """Every probe's embedding by the graph and by the reference."""
    return [
        Pair(p.name, encoder.run(p.waveform[np.newaxis])[0], reference.embed(p.waveform))
        for p in probes
    ]


def prove_embedding(
    pairs: Sequence[Pair], max_seconds: float, max_abs: float = EMBEDDING_MAX_ABS
) -> EmbeddingParity:
    """The largest differences, where all are float32 rounding and nothing more.

    Raises:
        ParityError: a probe is out of bounds; the message names it and its figures.
    """
    for pair in pairs:
        if pair.max_abs > max_abs or not pair.cosine >= EMBEDDING_MIN_COSINE:
            raise ParityError(
                f"the encoder graph differs from its reference on the probe {pair.probe!r}: by "
                f"{pair.max_abs:.1e} (at most {max_abs:.0e}), cosine {pair.cosine:.7f} "
                f"(at least {EMBEDDING_MIN_COSINE}); nothing was written"
            )
    return EmbeddingParity(
        clips=len(pairs),
        max_seconds=max_seconds,
        embedding_max_abs=max(pair.max_abs for pair in pairs),
        embedding_min_cosine=min(pair.cosine for pair in pairs),
    )


def prove_probabilities(
    embedding: EmbeddingParity, pairs: Sequence[Pair], head: Head, classifier: GraphSession
) -> Parity:
    """The whole parity, with the largest difference of a probability.

    Each side starts from its own embedding. Of a forest both start from the graph's: a component
    that is a tree's threshold but for rounding would move that tree's vote. Where two classes of a
    forest have as many votes, either is right.

    Raises:
        ParityError: a probe is out of bounds or has another label.
    """
    votes = isinstance(head.classifier, ForestClassifier)
    worst = 0.0
    for pair in pairs:
        start = pair.embedding if votes else pair.expected
        [expected] = head.probabilities(start[np.newaxis])
        [probabilities] = classifier.run(pair.embedding[np.newaxis])
        difference = float(np.abs(probabilities - expected).max())
        behind = expected.max() - expected[probabilities.argmax()]
        if difference > PROBABILITY_MAX_ABS or behind > (VOTE_TIE if votes else 0):
            raise ParityError(
                f"the classifier graph differs from scikit-learn on the probe {pair.probe!r}: by "
                f"{difference:.1e} (at most {PROBABILITY_MAX_ABS:.0e}), or in the label; nothing "
                "was written"
            )
        worst = max(worst, difference)
    return Parity(
        clips=embedding.clips,
        max_seconds=embedding.max_seconds,
        embedding_max_abs=embedding.embedding_max_abs,
        embedding_min_cosine=embedding.embedding_min_cosine,
        probability_max_abs=worst,
    )
