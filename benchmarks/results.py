"""Results files: one JSON a table, whole or not at all."""

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.console import say
from benchmarks.engines import Engine
from benchmarks.machine import machine_record
from benchmarks.models import Model, model_record

SCHEMA = 1


def write_table(
    table: str,
    options: Namespace,
    model: Model,
    engines: Sequence[Engine],
    versions: Mapping[str, Mapping[str, str]],
    body: dict[str, Any],
) -> Path:
    """Write what a table's run gave, and what it ran on.

    `versions` is engine to package to version; an engine that never started has none.
    """
    record = {
        "schema": SCHEMA,
        "table": table,
        "command": command_line(table),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine_record(),
        "model": model_record(model),
        "engines": {engine.name: engine_record(engine, versions) for engine in engines},
        **body,
    }
    name = table if model.name == "base" else f"{table}-{model.name}"
    path = options.results / f"{name}.json"
    save_json(record, path)
    say(f"wrote {path}; python -m benchmarks.report makes the page")
    return path


def engine_record(engine: Engine, versions: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """What the page says of an engine."""
    return {
        "title": engine.title,
        "precision": engine.precision,
        "settings": engine.settings,
        "own": engine.own,
        "versions": versions.get(engine.name, {}),
    }


def command_line(table: str) -> str:
    """The command that makes the same table again; where its results went is left out."""
    arguments = []
    skip = False
    for argument in sys.argv[1:]:
        if argument == "--results":
            skip = True
        elif skip:
            skip = False
        elif not argument.startswith("--results="):
            arguments.append(argument)
    return shlex.join(["python", "-m", f"benchmarks.{table}", *arguments])


def save_json(record: dict[str, Any], path: Path) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
