"""The page: benchmarks/results/README.md and its plots, from the JSON files alone.

python -m benchmarks.report [--results FOLDER]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.console import say
from benchmarks.measured import Record, Results, read_results
from benchmarks.places import RESULTS
from benchmarks.sections import SECTIONS, failure_lines

PAGE = "README.md"
MODELS = ("base", "compact")


def page(results: Sequence[Results], folder: Path) -> str:
    """The whole page; plots go into the folder."""
    parts = ["# Benchmarks", INTRODUCTION]
    for each in results:
        if each.tables:
            parts += model_sections(each, folder)
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
Made by `python -m benchmarks.report` from the JSON files beside it, which hold every sample, the
machine and the versions. Each table is made again by the command above it. Times are medians unless
said otherwise; the engines of a table took turns in one run. The embedding of every engine is
compared with torch's: where it differs by more than 1e-4, its quality stands beside its speed, and
without a measured quality its speed is withheld. `foreign CPU` is what the machine did beside the
engine while it was timed, as a share of the time."""


def model_sections(results: Results, folder: Path) -> list[str]:
    """Everything on one model."""
    newest = max(results.tables.values(), key=lambda record: record["finished"])
    parts = [
        f"## Model `{results.model}`",
        f"{newest['model']['described']}.",
        machine_line(newest),
    ]
    for table, section in SECTIONS.items():
        if record := results.get(table):
            parts += section(results, record, folder)
            parts += failure_lines(record)
    return [*parts, engines_section(newest)]


def machine_line(record: Record) -> str:
    """The machine in a sentence."""
    machine = record["machine"]
    flags = ", ".join(machine["telling_flags"])
    return (
        f"Machine: {machine['processor']} ({' / '.join(machine['family_model_stepping'])}), "
        f"{machine['usable_cpus']} CPUs, {machine['memory_gb']} GB; {flags}; {machine['system']}; "
        f"Python {machine['python']}. Files: "
        + ", ".join(f"{name} {mb:.0f} MB" for name, mb in record["model"]["files_mb"].items())
        + "."
    )


def engines_section(record: Record) -> str:
    """How every engine was set, and what it is."""
    lines = []
    for engine in record["engines"].values():
        versions = ", ".join(f"{name} {version}" for name, version in engine["versions"].items())
        lines.append(f"- {engine['title']}: {engine['settings']}. {versions}")
    return "### Engines\n\n" + "\n".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    folder = parser.parse_args().results
    results = [read_results(folder, model) for model in MODELS]
    if not any(each.tables for each in results):
        raise SystemExit(f"no results in {str(folder)!r}; run a table first")
    (folder / PAGE).write_text(page(results, folder), encoding="utf-8")
    say(f"wrote {folder / PAGE}")


if __name__ == "__main__":
    main()
