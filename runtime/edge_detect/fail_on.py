"""`--fail-on`: exit codes that tell a script what was found."""

from dataclasses import dataclass

EXIT_FAILED = 1
EXIT_FOUND = 10
EXIT_INCONCLUSIVE = 11

EVEN = 0.5
"""The spoof probability that accuses where neither the model nor the caller has a threshold."""


@dataclass(frozen=True)
class FailOn:
    """What counts as found."""

    threshold: float | None = None
    """Spoof probability, 0 to 1, from which on it does; None: the verdict says."""

    @classmethod
    def parse(cls, text: str) -> "FailOn":
        """Read `spoof` or `spoof:THRESHOLD`.

        Raises:
            ValueError: names the text.
        """
        kind, colon, number = text.partition(":")
        try:
            threshold = float(number) if colon else None
        except ValueError:
            threshold = -1.0
        if kind != "spoof" or not (threshold is None or 0 <= threshold <= 1):
            raise ValueError(f"{text!r} is neither spoof nor spoof:THRESHOLD, 0 to 1")
        return cls(threshold)

    def finds(self, spoof_probability: float | None, verdict: str | None) -> bool:
        """Whether a detection counts as found."""
        if self.threshold is None and verdict is not None:
            return verdict == "spoof"
        threshold = EVEN if self.threshold is None else self.threshold
        return spoof_probability is not None and spoof_probability >= threshold


class Tally:
    """Counts failures and findings, and knows the exit code that they come to."""

    def __init__(self, fail_on: FailOn | None) -> None:
        self._fail_on = fail_on
        self._failed = self._found = self._inconclusive = False

    def add_failure(self) -> None:
        """A file without an answer."""
        self._failed = True

    def add(self, spoof_probability: float | None, verdict: str | None) -> None:
        """An answer."""
        self._inconclusive |= verdict == "inconclusive"
        if self._fail_on:
            self._found |= self._fail_on.finds(spoof_probability, verdict)

    @property
    def exit_code(self) -> int:
        """10 where something was found, else 1 where a file failed, else 11 where a verdict is
        inconclusive, else 0; without `--fail-on` 1 or 0."""
        if self._found:
            return EXIT_FOUND
        if self._failed:
            return EXIT_FAILED
        return EXIT_INCONCLUSIVE if self._fail_on and self._inconclusive else 0
