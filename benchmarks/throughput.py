"""Many files: seconds of audio answered in a second, on every CPU asked for.

    python -m benchmarks.throughput [--engines edge-fp32] [--files 24] [--threads 2] [--rounds 3]

edge-detect has all files at once, through `predict_batch`; a peer has them one after another.
"""

from benchmarks.clips import speech_wav
from benchmarks.console import say
from benchmarks.crew import Crew
from benchmarks.engines import engines_for
from benchmarks.figures import spread
from benchmarks.models import open_model
from benchmarks.options import add_rounds, add_threads, make_parser, positive
from benchmarks.results import write_table

THREADS = (2,)
ROUNDS = 3
FILES = 24
LENGTHS = (2.0, 3.0, 4.0, 5.0, 7.0, 9.0)  # seconds, in turn: what an inbox of voice messages has


def main() -> None:
    """Measure and write throughput.json."""
    parser = make_parser(__doc__)
    add_threads(parser, THREADS)
    add_rounds(parser, ROUNDS, "of each engine")
    parser.add_argument("--files", type=positive, default=FILES)
    options = parser.parse_args()
    model = open_model(options.model)
    engines = engines_for(model, options.engines)
    lengths = [LENGTHS[i % len(LENGTHS)] for i in range(options.files)]
    wavs = [str(speech_wav(seconds)) for seconds in lengths]
    rows, failures, versions = [], {}, {}
    for threads in options.threads:
        walls: dict[str, list[float]] = {}
        with Crew(model, engines, threads) as crew:
            for _ in range(options.rounds):
                for name, sample in crew.round("answer", wavs=wavs).items():
                    walls.setdefault(name, []).append(sample.wall_s)
            failures |= crew.failures
            versions |= crew.versions
        for name, samples in walls.items():
            say(f"{name}: {sum(lengths) / spread(samples).p50:.1f} audio seconds a second")
            rows.append({"engine": name, "threads": threads, "wall_s": samples})
    body = {"audio_s": sum(lengths), "files": len(lengths), "rows": rows, "failures": failures}
    write_table("throughput", options, model, engines, versions, body)


if __name__ == "__main__":
    main()
