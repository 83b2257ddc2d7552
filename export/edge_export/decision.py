"""The threshold and the inconclusive band that a package is exported with."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_detect.manifest import Decision, check_decision
from edge_detect.records import InvalidRecord, build
from edge_export.errors import DecisionError, first_line


def read_decision(path: str | os.PathLike[str]) -> Decision:
    """Read a JSON file whose keys are the fields of `Decision`.

    Raises:
        DecisionError: it can't be read, has an unknown key, lacks one, or has a wrong value.
    """
    name = repr(os.fspath(path))
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DecisionError(
            f"{name} is no readable JSON ({first_line(error)}); give another decision"
        ) from error
    with refusing(name):
        decision: Decision = build(Decision, data, "")
    return decision


def check_fits(
    decision: Decision | None, labels: tuple[str, ...], bonafide_labels: tuple[str, ...]
) -> None:
    """Refuse a decision that can't be meant, or that a model of these labels can't have.

    Raises:
        DecisionError: it says what is wrong.
    """
    if decision:
        with refusing("the decision"):
            check_decision(decision, labels, bonafide_labels)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Say which decision it is that has something wrong."""
    try:
        yield
    except InvalidRecord as error:
        raise DecisionError(f"{name} {error}; measure it again, or export without it") from error
