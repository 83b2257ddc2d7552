"""The detector: audio loading, the encoder graph and the classifier graph in a row."""

import os
from collections.abc import Iterable, Iterator, Sized

import numpy as np

from edge_detect.audio import Source, check_waveform, load_audio, source_name
from edge_detect.decoding import Waveform
from edge_detect.detection import (
    Detection,
    Device,
    Failure,
    ModelIdentity,
    spoof_probability,
    verdict_of,
)
from edge_detect.encoder import Encoder
from edge_detect.errors import EdgeDetectError, InferenceError
from edge_detect.fetching import DEFAULT_FETCHING, Fetching
from edge_detect.manifest import Manifest
from edge_detect.precision import AUTO
from edge_detect.session import GraphSession, Stop, Tensor
from edge_detect.store import DEFAULT_MODEL, ModelPackage, open_package
from edge_detect.workers import answers_in_order


class Detector:
    """Tells real human voices from synthetic ones with one model package."""

    def __init__(
        self,
        package: ModelPackage,
        precision: str,
        device: Device,
        threads: int | None,
        fetching: Fetching = DEFAULT_FETCHING,
        expected_sources: int = 1,
    ) -> None:
        classifier = package.manifest.classifier
        self.manifest: Manifest = package.manifest
        self._fetching = fetching
        self._encoder = Encoder(package, precision, device, threads, expected_sources)
        chosen = self._encoder.choice.precision
        self.model = ModelIdentity(package.manifest.name, package.sha256, chosen)
        # A few thousand multiplications: a device or a thread pool would only add latency.
        self._classifier = GraphSession(package.verified(classifier), classifier, "cpu", 1)

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        device: Device = "auto",
        precision: str = AUTO,
        threads: int | None = None,
        fetching: Fetching = DEFAULT_FETCHING,
        expected_sources: int = 1,
    ) -> "Detector":
        """Load a model package by name or folder.

        `precision` is one that the package has, or "auto": fp32, or int8 where the package's
        measurements on this kind of CPU speak for it (`precision_reason`). `threads` is the number
        of CPU threads, None for all that the process may use, which its affinity and its control
        group limit; `fetching` limits what a source that is an http or https address may give.
        Single sources and batches run best in different sessions, each with the weights in memory
        and opened when it is first used: `expected_sources` tells how many sources one call will
        have, so that the right one is opened here. The graphs are checked against the manifest's
        sha256 first.

        Raises:
            ModelError: the subclass says why the model can't be used here.
        """
        package = open_package(name_or_path)
        return cls(package, precision, device, threads, fetching, expected_sources)

    @property
    def device(self) -> str:
        """Where the encoder runs: "cpu" or "cuda"."""
        return self._encoder.choice.device

    @property
    def precision_reason(self) -> str:
        """Why the encoder runs in its precision: one sentence, the precision first."""
        return self._encoder.choice.reason

    def embed(self, source: Source) -> Tensor:
        """The mean-pooled Wav2Vec2 embedding of a source: float32 (hidden,).

        `source` is a path, an http or https address, the bytes of a file, or `(waveform, sample
        rate in Hz)`.

        Raises:
            AudioError: the source can't be judged.
            InferenceError: onnxruntime failed on it.
        """
        return self._embed(self._load(source), self._encoder.for_singles())

    def predict(self, source: Source) -> Detection:
        """The verdict on one source, judged in one piece.

        `source` is a path, an http or https address, the bytes of a file, or `(waveform, sample
        rate in Hz)`.

        Raises:
            AudioError: the source can't be judged.
            InferenceError: onnxruntime failed on it.
        """
        return self._detect(source, self._encoder.for_singles())

    def predict_batch(self, sources: Iterable[Source]) -> Iterator[Detection | Failure]:
        """A detection or a failure for each source, in order, each as soon as it is known.

        On a CPU the sources are answered side by side, each on one thread and `threads` of them at
        a time: more of them in a given time, while one by itself takes longer than by `predict`.
        (Fewer sources than threads, where `sources` has a length, go one after the other, each on
        all threads.) The numbers are those of `predict` but for the order of float32 additions,
        1e-6 of a probability. Sources are drawn in the caller's thread, at most 8 for each thread
        ahead of the results taken, so that memory does not grow with their number; it does with
        `threads`. Closing the iterator ends what is under way; a download, within its limits.
        """
        many = not isinstance(sources, Sized) or self._encoder.runs_concurrently(len(sources))
        if many and self._encoder.workers > 1:
            return self._answer_concurrently(sources)
        return (self._answer(source, self._encoder.for_singles()) for source in sources)

    def _answer_concurrently(self, sources: Iterable[Source]) -> Iterator[Detection | Failure]:
        session, stop = self._encoder.for_workers(), Stop()

        def answer(source: Source) -> Detection | Failure:
            return self._answer(source, session, stop)

        yield from answers_in_order(answer, sources, self._encoder.workers, stop.set)

    def _answer(
        self, source: Source, session: GraphSession, stop: Stop | None = None
    ) -> Detection | Failure:
        try:
            return self._detect(source, session, stop)
        except EdgeDetectError as error:
            # Frames and causes hold the source's content: a list of failures would keep it all.
            error.__traceback__ = error.__cause__ = error.__context__ = None
            return Failure(source_name(source), error)

    def _detect(self, source: Source, session: GraphSession, stop: Stop | None = None) -> Detection:
        waveform = self._load(source)
        row = self._classifier.run(self._embed(waveform, session, stop)[np.newaxis])[0]
        labels = self.manifest.labels
        if len(row) != len(labels):
            raise InferenceError(
                f"the classifier gave {len(row)} probabilities for {len(labels)} labels; "
                "export the model again"
            )
        probabilities = dict(zip(labels, row.tolist(), strict=True))
        label = max(probabilities, key=probabilities.__getitem__)
        spoof = spoof_probability(probabilities, self.manifest)
        decision = self.manifest.decision
        return Detection(
            source=source_name(source),
            label=label,
            confidence=probabilities[label],
            probabilities=probabilities,
            spoof_probability=spoof,
            verdict=None if decision is None or spoof is None else verdict_of(spoof, decision),
            duration_s=len(waveform) / self.manifest.sample_rate,
            mode="whole",
            model=self.model,
            device=self.device,
        )

    def _load(self, source: Source) -> Waveform:
        rate = self.manifest.sample_rate
        waveform = load_audio(source, rate, self._fetching)
        check_waveform(waveform, rate, self.manifest.min_samples, source_name(source))
        return waveform

    def _embed(self, waveform: Waveform, session: GraphSession, stop: Stop | None = None) -> Tensor:
        embedding: Tensor = session.run(waveform[np.newaxis], stop)[0]
        return embedding
