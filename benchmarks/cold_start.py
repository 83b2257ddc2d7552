"""One verdict as a whole process: start, import, load, decode a 4 s WAV, answer, end.

    python -m benchmarks.cold_start [--engines edge-int8] [--rounds 5]

edge-detect is its own command. A peer is the shortest script that does the same,
benchmarks/answer.py. The engines take turns; the first round fills the disk cache, uncounted.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.clips import speech_wav
from benchmarks.console import say
from benchmarks.crew import WorkerFailed, choose_cpus, start_engine
from benchmarks.engines import Engine, engines_for
from benchmarks.environments import EnvironmentFailed, worker_variables
from benchmarks.figures import spread
from benchmarks.models import Model, open_model
from benchmarks.options import add_rounds, add_threads, make_parser
from benchmarks.places import CHECKOUT
from benchmarks.results import write_table
from benchmarks.service import files_to

SECONDS = 4.0
THREADS = (2,)
ROUNDS = 5


def main() -> None:
    """Measure and write cold_start.json."""
    parser = make_parser(__doc__)
    add_threads(parser, THREADS)
    add_rounds(parser, ROUNDS, "of each engine")
    options = parser.parse_args()
    model = open_model(options.model)
    engines = engines_for(model, options.engines)
    rows, failures, versions = [], {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for threads in options.threads:
            commands = {}
            for engine in engines:
                try:
                    versions[engine.name] = prepared_versions(engine, model, threads)
                    commands[engine.name] = command_of(engine, model, threads, Path(scratch))
                except (WorkerFailed, EnvironmentFailed) as error:
                    failures[engine.name] = str(error)
            samples = alternate(commands, threads, options.rounds, failures)
            rows += [
                {"engine": name, "threads": threads, "seconds": SECONDS, "wall_s": walls}
                for name, walls in samples.items()
                if name not in failures
            ]
    body = {"rows": rows, "failures": failures}
    write_table("cold_start", options, model, engines, versions, body)


def prepared_versions(engine: Engine, model: Model, threads: int) -> dict[str, str]:
    """Make what the engine loads, and the versions of what it is."""
    worker = start_engine(engine, model, threads)
    try:
        versions: dict[str, str] = worker.call("versions")
        return versions
    finally:
        worker.stop()


def command_of(engine: Engine, model: Model, threads: int, scratch: Path) -> list[str]:
    """The whole process."""
    clip = str(speech_wav(SECONDS))
    if engine.own:
        command = [str(Path(sys.executable).with_name("edge-detect")), clip, "--device", "cpu"]
        named = [] if model.name == "compact" else ["--model", str(model.package)]
        return [*command, *named, "--precision", engine.precision, "--threads", str(threads)]
    description = scratch / f"{engine.name}.json"
    description.write_text(json.dumps(files_to(engine.files(model))), encoding="utf-8")
    python = str(engine.environment.python)
    answer = [python, "-m", "benchmarks.answer", engine.peer, str(description)]
    return [*answer, str(threads), clip]


def alternate(
    commands: dict[str, list[str]], threads: int, rounds: int, failures: dict[str, str]
) -> dict[str, list[float]]:
    """Wall-clock seconds of each command, round by round; one that fails is out."""
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for count in range(rounds + 1):
        for name, command in commands.items():
            if name in failures:
                continue
            try:
                wall = time_process(command, threads)
            except WorkerFailed as error:
                failures[name] = str(error)
                continue
            if count:
                samples[name].append(wall)
    for name, walls in samples.items():
        if walls:
            say(f"{name}: {spread(walls).p50:.2f} s")
    return samples


def time_process(command: list[str], threads: int) -> float:
    """Wall-clock seconds of one process on as many CPUs as threads.

    Raises:
        WorkerFailed: it failed.
    """
    cpus = set(choose_cpus(threads))
    start = time.perf_counter()
    process = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env=worker_variables(threads),
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    wall = time.perf_counter() - start
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise WorkerFailed(f"{command[0]} ended with {process.returncode}: {last}")
    return wall


if __name__ == "__main__":
    main()
