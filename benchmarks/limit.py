"""How near every engine comes to the fastest matrix product of this machine.

    python -m benchmarks.limit [--engines torch,edge-fp32] [--lengths 4,10] [--threads 1,2]
                               [--rounds 5]

The model's multiply-accumulates are counted from its config; the roof is the best rate of
onnxruntime's MatMul (fp32) and MatMulInteger (u8 x s8) over several shapes, measured in turn with
the engines.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.clips import RATE, speech_file
from benchmarks.console import say
from benchmarks.crew import PAUSE_S, Crew, Worker
from benchmarks.engines import engines_for
from benchmarks.gemm import KINDS, SERVICE, SHAPES
from benchmarks.latency import compare
from benchmarks.macs import count_macs, read_config
from benchmarks.models import CHECKPOINT, Model, open_model
from benchmarks.options import add_lengths, add_rounds, add_threads, make_parser
from benchmarks.results import write_table

Roof: TypeAlias = dict[tuple[str, tuple[int, int, int]], list[float]]

LENGTHS = (4.0, 10.0)
THREADS = (1, 2)
ROUNDS = 5


def main() -> None:
    """Measure and write limit.json."""
    parser = make_parser(__doc__)
    add_lengths(parser, LENGTHS)
    add_threads(parser, THREADS)
    add_rounds(parser, ROUNDS, "of each product and each engine")
    options = parser.parse_args()
    model = open_model(options.model)
    if model.folder is None:
        raise SystemExit(f"the model {model.name!r} has no config.json to count from")
    config = read_config(model.folder / CHECKPOINT)
    engines = engines_for(model, options.engines)
    body: dict[str, Any] = {"rows": [], "gemm": [], "failures": {}}
    versions: dict[str, dict[str, str]] = {}
    for threads in options.threads:
        with Crew(model, engines, threads) as crew, roof_worker(threads) as worker:
            roof: Roof = {}
            rows: dict[tuple[str, float], dict[str, Any]] = {}
            for _ in range(options.rounds):
                measure_roof(worker, roof)
                for seconds in sorted(options.lengths):
                    measure_engines(crew, model, config, seconds, rows)
            body["failures"] |= crew.failures
            versions |= crew.versions
        body["rows"] += [{"threads": threads, **row} for row in rows.values()]
        body["gemm"] += [
            {"threads": threads, "kind": kind, "shape": shape, "macs_per_s": rates}
            for (kind, shape), rates in roof.items()
        ]
    write_table("limit", options, model, engines, versions, body)


@contextmanager
def roof_worker(threads: int) -> Iterator[Worker]:
    """A process that does nothing but matrix products."""
    worker = Worker("gemm", Path(sys.executable), SERVICE, {"threads": threads}, threads)
    try:
        yield worker
    finally:
        worker.stop()


def measure_roof(worker: Worker, roof: Roof) -> None:
    """One sample of every product, after one that warms it up."""
    for kind in KINDS:
        for shape in SHAPES:
            if (kind, shape) not in roof:
                worker.call("rate", kind=kind, shape=shape)
            time.sleep(PAUSE_S)
            rate = worker.call("rate", kind=kind, shape=shape)["macs_per_s"]
            roof.setdefault((kind, shape), []).append(rate)
            say(f"{kind} {'x'.join(map(str, shape))}: {rate / 1e9:.0f} GMAC/s")


def measure_engines(
    crew: Crew,
    model: Model,
    config: Mapping[str, Any],
    seconds: float,
    rows: dict[tuple[str, float], dict[str, Any]],
) -> None:
    """One sample of every engine, into its row."""
    for name, sample in crew.round("embed", clip=str(speech_file(seconds))).items():
        if (name, seconds) not in rows:
            rows[name, seconds] = {
                "engine": name,
                "seconds": seconds,
                "macs": count_macs(config, round(seconds * RATE)).total,
                "wall_s": [],
                **compare(model, seconds, sample.answer["embedding"]),
            }
        rows[name, seconds]["wall_s"].append(sample.wall_s)


if __name__ == "__main__":
    main()
