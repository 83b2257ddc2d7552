"""The exported graphs against the torch + scikit-learn pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_detect.manifest import Parity
from edge_detect.session import GraphSession
from edge_export.errors import ParityError
from edge_export.probes import Probe
from edge_export.reference import Reference

EMBEDDING_MAX_ABS = 1e-4
EMBEDDING_MIN_COSINE = 0.999999
PROBABILITY_MAX_ABS = 1e-5


@dataclass(frozen=True)
class Difference:
    """How far one clip's answer is from the reference."""

    probe: str
    embedding_max_abs: float
    embedding_cosine: float
    probability_max_abs: float
    same_label: bool

    @property
    def within_bounds(self) -> bool:
        """Whether the difference is float32 rounding and nothing more."""
        return (
            self.embedding_max_abs <= EMBEDDING_MAX_ABS
            and self.embedding_cosine >= EMBEDDING_MIN_COSINE
            and self.probability_max_abs <= PROBABILITY_MAX_ABS
            and self.same_label
        )


def compare(
    name: str,
    embedding: npt.NDArray[np.float32],
    probabilities: npt.NDArray[np.floating],
    expected_embedding: npt.NDArray[np.float32],
    expected_probabilities: npt.NDArray[np.floating],
) -> Difference:
    """Compare (hidden,) embeddings and (classes,) probabilities of one clip."""
    return Difference(
        probe=name,
        embedding_max_abs=float(np.abs(embedding - expected_embedding).max()),
        embedding_cosine=cosine(embedding, expected_embedding),
        probability_max_abs=float(np.abs(probabilities - expected_probabilities).max()),
        same_label=bool(probabilities.argmax() == expected_probabilities.argmax()),
    )


def cosine(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Cosine of the angle between two vectors, in float64."""
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    return float(a64 @ b64 / (np.linalg.norm(a64) * np.linalg.norm(b64)))


def prove_parity(
    reference: Reference,
    encoder: GraphSession,
    classifier: GraphSession,
    probes: Sequence[Probe],
) -> Parity:
    """Run every probe both ways and return the largest differences.

    Raises:
        ParityError: a probe is out of bounds; the message names it and its figures.
    """
    differences = [difference(reference, encoder, classifier, probe) for probe in probes]
    for worst in differences:
        if not worst.within_bounds:
            raise ParityError(
                f"the graphs differ from torch on the probe {worst.probe!r}: embedding by "
                f"{worst.embedding_max_abs:.1e} (at most {EMBEDDING_MAX_ABS:.0e}), cosine "
                f"{worst.embedding_cosine:.7f} (at least {EMBEDDING_MIN_COSINE}), probability by "
                f"{worst.probability_max_abs:.1e} (at most {PROBABILITY_MAX_ABS:.0e}), "
                f"{'same' if worst.same_label else 'another'} label; nothing was written"
            )
    return Parity(
        clips=len(probes),
        max_seconds=max(len(probe.waveform) for probe in probes) / reference.sample_rate,
        embedding_max_abs=max(d.embedding_max_abs for d in differences),
        embedding_min_cosine=min(d.embedding_cosine for d in differences),
        probability_max_abs=max(d.probability_max_abs for d in differences),
    )


def difference(
    reference: Reference, encoder: GraphSession, classifier: GraphSession, probe: Probe
) -> Difference:
    """One probe through both pipelines, each from its own embedding."""
    [embedding] = encoder.run(probe.waveform[np.newaxis])
    [probabilities] = classifier.run(embedding[np.newaxis])
    expected = reference.embed(probe.waveform)
    return compare(
        probe.name, embedding, probabilities, expected, reference.probabilities(expected)
    )
