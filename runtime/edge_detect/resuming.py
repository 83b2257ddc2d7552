"""JSON Lines that grow beside their file, so that an interrupted run can go on."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from edge_detect.detection import Failure
from edge_detect.errors import OutputError
from edge_detect.fail_on import Tally
from edge_detect.whole_file import unwritable


def part_of(path: Path) -> Path:
    """Where the results of a run that is not finished stand."""
    return path.with_name(f".{path.name}.part")


def finished(path: Path, model_sha256: str, tally: Tally) -> Counter[str]:
    """How often each source has its result in an interrupted run's part, all of them tallied.

    A line that the end of the run cut off is taken away.

    Raises:
        OutputError: another model gave the results, or the part can't be read.
    """
    sources: Counter[str] = Counter()
    part = part_of(path)
    try:
        content = part.read_bytes() if part.exists() else b""
        kept = content[: content.rfind(b"\n") + 1]
        for line in kept.splitlines():
            record = json.loads(line)
            check_model(record, model_sha256, part)
            sources[record["source"]] += 1
            tally_record(record, tally)
        if len(kept) < len(content):
            os.truncate(part, len(kept))
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{str(part)!r} holds no results of a run; remove it") from error
    except OSError as error:
        raise unwritable(path, error) from error
    return sources


def check_model(record: dict[str, object], sha256: str, part: Path) -> None:
    """Refuse to go on with another model's results."""
    model = record.get("model")
    if isinstance(model, dict) and model["sha256"] != sha256:
        raise OutputError(
            f"{str(part)!r} has results of the model {model['name']} with sha256 "
            f"{model['sha256'][:12]}…; give that model, or remove the file"
        )


def tally_record(record: dict[str, object], tally: Tally) -> None:
    """Count a result of the earlier run."""
    spoof, verdict = record.get("spoof_probability"), record.get("verdict")
    if "error" in record:
        tally.add_failure()
    else:
        tally.add(
            spoof if isinstance(spoof, float) else None,
            verdict if isinstance(verdict, str) else None,
        )


def remaining(items: Iterable[str | Failure], done: Counter[str]) -> Iterator[str | Failure]:
    """The items that have no result yet; one that is given twice has two."""
    left = done.copy()
    for item in items:
        name = item.source if isinstance(item, Failure) else item
        if left[name]:
            left[name] -= 1
        else:
            yield item


@contextmanager
def growing(path: Path, resume: bool) -> Iterator[TextIO]:
    """The part of `path`, to write on; it takes the file's place unless the run is cut short.

    Raises:
        OutputError: it can't be written, or an interrupted run has left one and is not resumed.
    """
    part = part_of(path)
    if part.exists() and not resume:
        raise OutputError(
            f"{str(part)!r} has the results of an interrupted run; give --resume to go on with it, "
            "or remove it"
        )
    try:
        with part.open("a", encoding="utf-8", errors="surrogateescape") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
