"""Rates of errors, and how sure one can be of them."""

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest  # type: ignore[import-untyped]
from sklearn.metrics import roc_curve

CONFIDENCE = 0.95


def wilson_interval(count: int, clips: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson, 1927)."""
    interval = binomtest(count, clips).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def equal_error_rate(positive: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Where false alarms equal misses, interpolated on the ROC curve; the same for either class."""
    false_alarms, hits, _ = roc_curve(positive, scores)
    # False alarms less misses rise from -1 to 1 along the curve, and both are linear in between.
    return float(np.interp(0, false_alarms + hits - 1, false_alarms))
