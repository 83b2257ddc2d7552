"""The most memory that a process ever holds: a fresh one for each engine and length.

    python -m benchmarks.memory [--engines edge-fp32] [--lengths 10,60] [--threads 2]

It imports, loads, and embeds the clip twice; VmHWM is read at the end.
"""

from benchmarks.clips import speech_file
from benchmarks.console import say
from benchmarks.crew import Crew, WorkerFailed
from benchmarks.engines import engines_for
from benchmarks.environments import EnvironmentFailed
from benchmarks.models import open_model
from benchmarks.options import add_lengths, add_threads, make_parser
from benchmarks.results import write_table

LENGTHS = (10.0, 60.0)
THREADS = (2,)


def main() -> None:
    """Measure and write memory.json."""
    parser = make_parser(__doc__)
    add_lengths(parser, LENGTHS)
    add_threads(parser, THREADS)
    options = parser.parse_args()
    model = open_model(options.model)
    engines = engines_for(model, options.engines)
    rows, failures, versions = [], {}, {}
    for threads in options.threads:
        for engine in engines:
            for seconds in sorted(options.lengths):
                with Crew(model, [engine], threads) as crew:
                    try:
                        crew.timed(engine.name, "embed", clip=str(speech_file(seconds)))
                        peak = crew.ask(engine.name, "peak_rss_mb")
                    except (WorkerFailed, EnvironmentFailed) as error:
                        failures[engine.name] = str(error)
                        break
                    versions |= crew.versions
                say(f"{engine.name}, {seconds:g} s: {peak:.0f} MB")
                rows.append(
                    {
                        "engine": engine.name,
                        "threads": threads,
                        "seconds": seconds,
                        "peak_rss_mb": peak,
                    }
                )
    body = {"rows": rows, "failures": failures}
    write_table("memory", options, model, engines, versions, body)


if __name__ == "__main__":
    main()
