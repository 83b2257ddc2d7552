"""The options that the tables share."""

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.places import RESULTS


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the model, the engines and where the results go."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="base", help="base (the default) or compact")
    parser.add_argument(
        "--engines", type=comma(str), default=(), help="comma-separated; all where not given"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder; benchmarks/results where not given"
    )
    return parser


def add_threads(parser: argparse.ArgumentParser, default: tuple[int, ...]) -> None:
    """Thread counts, each with as many CPUs."""
    parser.add_argument("--threads", type=comma(int), default=default, help="comma-separated")


def add_lengths(parser: argparse.ArgumentParser, default: tuple[float, ...]) -> None:
    """Lengths of clips."""
    parser.add_argument(
        "--lengths", type=comma(float), default=default, help="seconds, comma-separated"
    )


def add_rounds(parser: argparse.ArgumentParser, default: int | None, meaning: str) -> None:
    """How often each engine is timed."""
    parser.add_argument("--rounds", type=positive, default=default, help=meaning)


def comma(kind: Callable[[str], object]) -> Callable[[str], tuple[object, ...]]:
    """A parser of comma-separated values."""

    def values(text: str) -> tuple[object, ...]:
        return tuple(kind(part.strip()) for part in text.split(","))

    return values


def positive(text: str) -> int:
    """A whole number of at least one."""
    if (number := int(text)) < 1:
        raise ValueError(f"{number} is below one")
    return number
