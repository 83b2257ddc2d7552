"""What a benchmark says while it runs: to standard error, one line at a time."""

import sys


def say(line: str) -> None:
    """Write a line at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
