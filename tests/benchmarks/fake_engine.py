"""An engine for the worker's tests: it adds up samples and misbehaves on request."""

import os
import sys
from typing import Any


class FakeService:
    """What a worker serves."""

    def __init__(self, start: float) -> None:
        self._total = start

    def add(self, value: float) -> float:
        """A method with state."""
        self._total += value
        return self._total

    def embed(self, clip: str) -> dict[str, Any]:
        """What a timed call gives."""
        return {"wall_s": 0.5, "cpu_s": 0.25, "embedding": [float(len(clip))]}

    def chatter(self) -> str:
        """Writes to standard output from Python and from below it."""
        sys.stdout.write("noise\n")
        sys.stdout.flush()
        os.write(1, b"noise from C\n")
        return "said"

    def cpus(self) -> list[int]:
        """Where the process may run."""
        return sorted(os.sched_getaffinity(0))

    def fail(self) -> None:
        """An engine's own error."""
        raise KeyError("no such layer")

    def vanish(self) -> None:
        """A crash."""
        os._exit(3)

    def _hidden(self) -> None:
        """Not for callers."""
