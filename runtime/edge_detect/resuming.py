"""JSON Lines that grow beside their file, so that an interrupted run can go on."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from edge_detect.detection import Failure
from edge_detect.errors import OutputError
from edge_detect.fail_on import Tally
from edge_detect.whole_file import unwritable, whole_or_nothing

Basis: TypeAlias = Mapping[str, str | float | None]
"""What every answer of a run hangs on: option to value, None where it was not given."""

# The part begins with a line that has the run's basis: a result can't say it all, a failure none.
BASIS_KEY = "judged_by"


def part_of(path: Path) -> Path:
    """Where the results of a run that is not finished stand."""
    return path.with_name(f".{path.name}.part")


def finished(path: Path, basis: Basis, tally: Tally) -> Counter[str]:
    """How often each source has its result in an interrupted run's part, all of them tallied.

    A line that the end of the run cut off is taken away.

    Raises:
        OutputError: the part can't be read.
        ValueError: the results are by another model or by other options; names them.
    """
    part = part_of(path)
    try:
        content = part.read_bytes() if part.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        sources = results_of(whole.splitlines(), basis, tally, part)
        if len(whole) < len(content):
            os.truncate(part, len(whole))
    except OSError as error:
        raise unwritable(path, error) from error
    return sources


def results_of(lines: list[bytes], basis: Basis, tally: Tally, part: Path) -> Counter[str]:
    """How often each source has its result in the lines of a part; raises what `finished` does."""
    if not lines:
        return Counter()
    try:
        earlier: Basis = dict(json.loads(lines[0])[BASIS_KEY])
        sources = Counter(tallied(json.loads(line), tally) for line in lines[1:])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{str(part)!r} holds no results of a run; remove it") from error
    check_basis(earlier, basis, part)
    return sources


def check_basis(earlier: Basis, basis: Basis, part: Path) -> None:
    """Refuse to go on with results that are judged differently."""
    options = [
        option for option in {**earlier, **basis} if earlier.get(option) != basis.get(option)
    ]
    if options:
        then, now = (
            ", ".join(said(option, run.get(option)) for option in options)
            for run in (earlier, basis)
        )
        raise ValueError(
            f"{str(part)!r} has results of a run with {then}, and this one has {now}; give the "
            "same, or remove the file"
        )


def said(option: str, value: str | float | None) -> str:
    """An option as a person would say it."""
    return f"no {option}" if value is None else f"{option} {value}"


def tallied(record: dict[str, Any], tally: Tally) -> str:
    """Count a result of the earlier run; gives its source."""
    if "error" in record:
        tally.add_failure()
    else:
        tally.add(record["spoof_probability"], record["verdict"])
    source: str = record["source"]
    return source


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
def growing(path: Path, basis: Basis, resume: bool) -> Iterator[TextIO]:
    """The part of `path`, to write on; its results take the file's place unless it is cut short.

    Raises:
        OutputError: it can't be written, or an interrupted run has left one and is not resumed.
    """
    part = part_of(path)
    try:
        if part.exists() and not resume:
            raise OutputError(
                f"{str(part)!r} has the results of an interrupted run; give --resume to go on with "
                "it, or remove it"
            )
        with part.open("a", encoding="utf-8", errors="surrogateescape") as file:
            if not file.tell():
                file.write(json.dumps({BASIS_KEY: basis}) + "\n")
            yield file
        move_results(part, path)
    except OSError as error:
        raise unwritable(path, error) from error


def move_results(part: Path, path: Path) -> None:
    """Put the part's results in the file's place, without their basis."""
    with whole_or_nothing(path) as whole, part.open("rb") as file:
        file.readline()
        with whole.open("wb") as copy:
            shutil.copyfileobj(file, copy)
    part.unlink()
