"""How long one clip takes, by length and number of threads, every engine in turn.

    python -m benchmarks.latency [--engines torch,edge-fp32] [--lengths 1,4] [--threads 2]
                                 [--rounds 5]

Each engine has each clip once untimed; then they take turns, one call each a round. The embedding
of every engine is compared with torch's.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from benchmarks.clips import speech_file
from benchmarks.console import say
from benchmarks.crew import Crew
from benchmarks.engines import Engine, engines_for
from benchmarks.figures import cosine, max_abs, spread
from benchmarks.models import Model, open_model, reference_embedding
from benchmarks.options import add_lengths, add_rounds, add_threads, make_parser
from benchmarks.results import write_table

LENGTHS = (1.0, 4.0, 10.0, 30.0, 60.0)
THREADS = (2, 1)

# More where a call is short: the whole table stays below half an hour on two cores.
ROUNDS = {1.0: 21, 4.0: 15, 10.0: 7, 30.0: 3, 60.0: 3}
FEWEST_ROUNDS = 3


def main() -> None:
    """Measure and write latency.json."""
    parser = make_parser(__doc__)
    add_lengths(parser, LENGTHS)
    add_threads(parser, THREADS)
    add_rounds(parser, None, "of each length; more for shorter clips where not given")
    options = parser.parse_args()
    model = open_model(options.model)
    engines = engines_for(model, options.engines)
    versions: dict[str, dict[str, str]] = {}
    rows: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    for threads in options.threads:
        with Crew(model, engines, threads) as crew:
            for seconds in sorted(options.lengths):
                rows += measure_length(crew, model, engines, threads, seconds, options)
            versions |= crew.versions
            failures |= crew.failures
    write_table("latency", options, model, engines, versions, {"rows": rows, "failures": failures})


def measure_length(
    crew: Crew,
    model: Model,
    engines: Sequence[Engine],
    threads: int,
    seconds: float,
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    """A row for each engine: all samples at one length, and the difference from torch."""
    clip = str(speech_file(seconds))
    rows: dict[str, dict[str, Any]] = {}
    for _ in range(options.rounds or ROUNDS.get(seconds, FEWEST_ROUNDS)):
        for name, sample in crew.round("embed", clip=clip).items():
            if name not in rows:
                rows[name] = {"engine": name, "threads": threads, "seconds": seconds}
                rows[name] |= {"wall_s": [], "foreign_cpu_s": []}
                rows[name] |= compare(model, seconds, sample.answer["embedding"])
            rows[name]["wall_s"].append(sample.wall_s)
            rows[name]["foreign_cpu_s"].append(round(sample.foreign_cpu_s, 3))
    for engine in engines:
        if engine.name in rows:
            median = spread(rows[engine.name]["wall_s"]).p50
            say(f"{threads} thread(s), {seconds:g} s: {engine.name} {median * 1000:.0f} ms")
    return list(rows.values())


def compare(model: Model, seconds: float, embedding: Sequence[float]) -> dict[str, float | None]:
    """Distance from torch's embedding; None where a model has no weights for torch."""
    if model.folder is None:
        return {"max_abs": None, "cosine": None}
    expected = reference_embedding(model, speech_file(seconds))
    return {"max_abs": max_abs(embedding, expected), "cosine": cosine(embedding, expected)}


if __name__ == "__main__":
    main()
