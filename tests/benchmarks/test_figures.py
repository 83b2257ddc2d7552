"""Percentiles and distances."""

import numpy as np
import pytest
from benchmarks.figures import cosine, max_abs, spread


def test_percentiles_are_interpolated() -> None:
    figures = spread([float(i) for i in range(1, 101)])
    assert (figures.count, figures.p50) == (100, 50.5)
    assert figures.p90 == pytest.approx(90.1)
    assert figures.p99 == pytest.approx(99.01)


def test_one_sample_is_every_percentile() -> None:
    figures = spread([0.25])
    assert (figures.p50, figures.p90, figures.p99) == (0.25, 0.25, 0.25)


def test_distances() -> None:
    a = np.array([1, 0, 2], np.float32)
    assert max_abs(a, [1, 0.5, 1.75]) == 0.5
    assert cosine(a, 3 * a) == pytest.approx(1)
    assert cosine([1, 0], [1, 1]) == pytest.approx(2**-0.5)
