"""What quantisation costs: every quantised engine against its model's fp32, over labelled clips.

    python -m benchmarks.quality [--model compact] [--engines edge-int8] [--clips 276]

The clips are 2 s windows of the fixtures, as they are, 20 dB quieter, with noise and with nothing
above 3.4 kHz. The reference is torch, or for a model that is a package alone its own fp32 graph.
What an engine makes of a clip goes through the same classifier.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.clips import RATE, LabelledClip, labelled_clips
from benchmarks.console import say
from benchmarks.crew import Crew
from benchmarks.engines import engines_for
from benchmarks.models import Model, open_model, reference_embedding
from benchmarks.options import make_parser, positive
from benchmarks.results import write_table
from edge_detect import Detector
from edge_detect.session import GraphSession
from edge_detect.store import open_package
from edge_export.parity import Pair
from edge_export.quality import JudgedClip, QualityClips, measure_quality

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def main() -> None:
    """Measure and write quality.json."""
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=positive, help="so many of them; all where not given")
    options = parser.parse_args()
    model = open_model(options.model)
    engines = engines_for(model, options.engines)
    if not options.engines:
        engines = [engine for engine in engines if engine.precision != "fp32"]
    clips = choose_clips(options.clips)
    classifier = Classifier(model)
    expected = reference_embeddings(model, clips)
    rows = []
    with Crew(model, engines, len(os.sched_getaffinity(0))) as crew:
        for name, embeddings in embed_all(crew, clips).items():
            row = judge(clips, embeddings, expected, classifier)
            say(f"{name}: cosine {row['cosine_min']:.5f} at least, {row['flips']} flips")
            rows.append({"engine": name, **row})
        body = {
            "reference": "torch" if model.folder else "the package's fp32",
            "rows": rows,
            "failures": crew.failures,
        }
        write_table("quality", options, model, engines, crew.versions, body)


class Classifier:
    """The head of a model's package."""

    def __init__(self, model: Model) -> None:
        package = open_package(model.package)
        graph = package.manifest.classifier
        self.labels = package.manifest.labels
        self._session = GraphSession(package.verified(graph), graph, "cpu", 1)

    def probabilities(self, embeddings: Float32) -> Float64:
        """(clips, hidden) -> (clips, classes)."""
        return self._session.run(embeddings).astype(np.float64)


def choose_clips(count: int | None) -> list[LabelledClip]:
    """All labelled clips, or evenly spread ones of them."""
    clips = labelled_clips()
    if count is None or count >= len(clips):
        return clips
    return [clips[i * len(clips) // count] for i in range(count)]


def reference_embeddings(model: Model, clips: Sequence[LabelledClip]) -> Float32:
    """What is taken for true: (clips, hidden)."""
    if model.folder:
        return np.stack([reference_embedding(model, clip.path) for clip in clips])
    detector = Detector.load(model.package, device="cpu", precision="fp32")
    return np.stack([detector.embed((np.load(clip.path), RATE)) for clip in clips])


def embed_all(crew: Crew, clips: Sequence[LabelledClip]) -> dict[str, Float32]:
    """Every engine's embeddings, (clips, hidden); an engine that fails on a clip has none."""
    rows: dict[str, list[Any]] = {}
    for clip in clips:
        for name, answer in crew.answers("embed", clip=str(clip.path)).items():
            rows.setdefault(name, []).append(answer["embedding"])
    return {
        name: np.asarray(embeddings, np.float32)
        for name, embeddings in rows.items()
        if name not in crew.failures
    }


def judge(
    clips: Sequence[LabelledClip], found: Float32, expected: Float32, classifier: Classifier
) -> dict[str, Any]:
    """An engine's figures and, clip by clip, what they are made of."""
    pairs = [Pair(clip.name, a, b) for clip, a, b in zip(clips, found, expected, strict=True)]
    judged = QualityClips("labelled", [JudgedClip(np.load(c.path), c.label) for c in clips])
    quality = asdict(measure_quality(pairs, classifier, ("bonafide",), judged))
    spoof = classifier.labels.index("spoof")
    return {
        **quality,
        "samples": {
            "clip": [clip.name for clip in clips],
            "cosine": [round(pair.cosine, 7) for pair in pairs],
            "spoof_probability": column(classifier.probabilities(found), spoof),
            "spoof_probability_reference": column(classifier.probabilities(expected), spoof),
        },
    }


def column(probabilities: Float64, index: int) -> list[float]:
    """A class's probabilities, as the results file has them."""
    return [round(value, 6) for value in probabilities[:, index].tolist()]


if __name__ == "__main__":
    main()
