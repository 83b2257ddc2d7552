"""How far every engine's embedding is from torch's, by length.

python -m benchmarks.parity [--engines ort-plain,edge-fp32] [--lengths 1,4]
"""

import os

from benchmarks.clips import speech_file
from benchmarks.crew import Crew
from benchmarks.engines import engines_for
from benchmarks.latency import LENGTHS, compare
from benchmarks.models import open_model
from benchmarks.options import add_lengths, make_parser
from benchmarks.results import write_table


def main() -> None:
    """Compare and write parity.json."""
    parser = make_parser(__doc__)
    add_lengths(parser, LENGTHS)
    options = parser.parse_args()
    model = open_model(options.model)
    if model.folder is None:
        raise SystemExit(f"the model {model.name!r} has no weights for torch to compare with")
    engines = engines_for(model, options.engines)
    rows = []
    with Crew(model, engines, len(os.sched_getaffinity(0))) as crew:
        for seconds in sorted(options.lengths):
            answers = crew.answers("embed", clip=str(speech_file(seconds)))
            for name, answer in answers.items():
                difference = compare(model, seconds, answer["embedding"])
                rows.append({"engine": name, "seconds": seconds, **difference})
        body = {"rows": rows, "failures": crew.failures}
        write_table("parity", options, model, engines, crew.versions, body)


if __name__ == "__main__":
    main()
