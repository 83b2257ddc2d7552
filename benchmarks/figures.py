"""The arithmetic of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PARITY_MAX_ABS = 1e-4
"""The bound of an fp32 engine: what `edge-detect export` holds its own graphs to."""


@dataclass(frozen=True)
class Spread:
    """Seconds of several samples."""

    count: int
    p50: float
    p90: float
    p99: float


def spread(samples: Sequence[float]) -> Spread:
    """Percentiles, interpolated between samples; of few samples p99 is about the slowest."""
    p50, p90, p99 = np.percentile(samples, [50, 90, 99]).tolist()
    return Spread(len(samples), p50, p90, p99)


def max_abs(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Largest difference of a component."""
    return float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max())


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Cosine of the angle between two vectors, in float64."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))
