"""The certificate holds a machine to what the export held itself to."""

from edge_detect import verification
from edge_export import parity


def test_the_bounds_are_those_of_the_export() -> None:
    assert verification.EMBEDDING_MAX_ABS == parity.EMBEDDING_MAX_ABS
    assert verification.BUILT_EMBEDDING_MAX_ABS == parity.FAST_EMBEDDING_MAX_ABS
    assert verification.PROBABILITY_MAX_ABS == parity.PROBABILITY_MAX_ABS
