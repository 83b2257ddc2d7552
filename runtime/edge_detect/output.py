"""Results as a table, JSON, JSON Lines, CSV or Parquet."""

import csv
import json
import shutil
from collections.abc import Callable, Iterable
from typing import Literal, TextIO, TypeAlias

from edge_detect.detection import Detection, Failure
from edge_detect.parquet import Columns, write_rows
from edge_detect.timeline import timeline_of

Format: TypeAlias = Literal["table", "json", "jsonl", "csv", "parquet"]
Result: TypeAlias = Detection | Failure
Writer: TypeAlias = Callable[[Iterable[Result], tuple[str, ...], TextIO], None]

SCHEMA = 1

# Of a timeline that is read by another program.
BAR_WIDTH = 80

# Columns of a table that is read by another program: a folded file name could not be found again.
UNWRAPPED = 10_000


def write_results(
    results: Iterable[Result],
    labels: tuple[str, ...],
    form: Format,
    out: TextIO,
    timeline: bool = False,
) -> None:
    """Write every result to `out`; JSON Lines and CSV as each one comes.

    `timeline` draws each file's windows below a table. Parquet goes to the bytes below `out`.
    """
    writers: dict[Format, Writer] = {
        "table": write_table_and_timelines if timeline else write_table,
        "json": write_json,
        "jsonl": write_json_lines,
        "csv": write_csv,
        "parquet": write_parquet,
    }
    writers[form](results, labels, out)


def write_table(results: Iterable[Result], labels: tuple[str, ...], out: TextIO) -> None:
    """A table of the detections; a failure has its line on standard error.

    The verdict has a column where the model gives one.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    detections = [result for result in results if isinstance(result, Detection)]
    decided = any(detection.verdict for detection in detections)
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    for title in ("verdict", "label") if decided else ("label",):
        table.add_column(title)
    for title in ("confidence", "duration"):
        table.add_column(title, justify="right", no_wrap=True)
    for detection in detections:
        table.add_row(
            Text(detection.source),
            *([detection.verdict] if decided else []),
            Text(detection.label),
            f"{detection.confidence:.1%}",
            f"{detection.duration_s:.2f} s",
        )
    if table.row_count:
        width = None if out.isatty() else UNWRAPPED
        Console(file=out, highlight=False, width=width).print(table)


def write_table_and_timelines(
    results: Iterable[Result], labels: tuple[str, ...], out: TextIO
) -> None:
    """The table, then a bar and the segments of each file."""
    detections = list(results)
    write_table(detections, labels, out)
    width = shutil.get_terminal_size().columns if out.isatty() else BAR_WIDTH
    for detection in detections:
        if isinstance(detection, Detection):
            out.write("\n".join(["", *timeline_of(detection, width), ""]))


def write_json(results: Iterable[Result], labels: tuple[str, ...], out: TextIO) -> None:
    """One object with all results in order."""
    records = [result.to_dict() for result in results]
    json.dump({"schema": SCHEMA, "results": records}, out, indent=2)
    out.write("\n")


def write_json_lines(results: Iterable[Result], labels: tuple[str, ...], out: TextIO) -> None:
    """One result a line, written at once."""
    for result in results:
        out.write(json.dumps(result.to_dict()) + "\n")
        out.flush()


def write_csv(results: Iterable[Result], labels: tuple[str, ...], out: TextIO) -> None:
    """One result a row, written at once, a column for each class's probability."""
    rows = csv.DictWriter(out, [*columns(labels)], lineterminator="\n")
    rows.writeheader()
    for result in results:
        rows.writerow(row_of(result))
        out.flush()


def write_parquet(results: Iterable[Result], labels: tuple[str, ...], out: TextIO) -> None:
    """The rows and columns of the CSV, with types."""
    write_rows(columns(labels), map(row_of, results), out.buffer)


def columns(labels: tuple[str, ...]) -> Columns:
    """What a row has, in order."""
    return {
        "source": str,
        "label": str,
        "confidence": float,
        "spoof_probability": float,
        "verdict": str,
        "duration_s": float,
        "mode": str,
        "model": str,
        "model_sha256": str,
        "precision": str,
        "device": str,
        "profile_sha256": str,
        **{f"probability_{label}": float for label in labels},
        "error_type": str,
        "error_message": str,
    }


def row_of(result: Result) -> dict[str, object]:
    """The cells of one result; those it doesn't have stay empty."""
    if isinstance(result, Failure):
        return {
            "source": result.source,
            "error_type": result.error.type,
            "error_message": result.error.message,
        }
    return {
        "source": result.source,
        "label": result.label,
        "confidence": result.confidence,
        "spoof_probability": result.spoof_probability,
        "verdict": result.verdict,
        "duration_s": result.duration_s,
        "mode": result.mode,
        "model": result.model.name,
        "model_sha256": result.model.sha256,
        "precision": result.model.precision,
        "device": result.device,
        "profile_sha256": result.profile_sha256,
        **{f"probability_{label}": p for label, p in result.probabilities.items()},
    }
