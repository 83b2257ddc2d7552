"""The detector: audio loading, the encoder graph and the classifier graph in a row."""

import os
from collections.abc import Iterable, Iterator

import numpy as np

from edge_detect.audio import Source, check_waveform, load_audio, source_name
from edge_detect.decoding import Waveform
from edge_detect.detection import Detection, Device, Failure, ModelIdentity, spoof_probability
from edge_detect.errors import EdgeDetectError, InferenceError
from edge_detect.fetching import DEFAULT_FETCHING, Fetching
from edge_detect.manifest import Manifest
from edge_detect.session import GraphSession, Tensor
from edge_detect.store import DEFAULT_MODEL, ModelPackage, open_package


class Detector:
    """Tells real human voices from synthetic ones with one model package."""

    def __init__(
        self,
        package: ModelPackage,
        precision: str,
        device: Device,
        threads: int | None,
        fetching: Fetching = DEFAULT_FETCHING,
    ) -> None:
        encoder = package.encoder(precision)
        classifier = package.manifest.classifier
        self.manifest: Manifest = package.manifest
        self.model = ModelIdentity(package.manifest.name, package.sha256, encoder.precision)
        self._fetching = fetching
        self._encoder = GraphSession(package.verified(encoder), encoder, device, threads)
        # A few thousand multiplications: a device or a thread pool would only add latency.
        self._classifier = GraphSession(package.verified(classifier), classifier, "cpu", 1)

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_MODEL,
        *,
        device: Device = "auto",
        precision: str = "auto",
        threads: int | None = None,
        fetching: Fetching = DEFAULT_FETCHING,
    ) -> "Detector":
        """Load a model package by name or folder.

        `precision` is one that the package has, or "auto"; `threads` is the number of CPU threads,
        None for all that the process may use; `fetching` limits what a source that is an http or
        https address may give. The graphs are checked against the manifest's sha256 first.

        Raises:
            ModelError: the subclass says why the model can't be used here.
        """
        return cls(open_package(name_or_path), precision, device, threads, fetching)

    @property
    def device(self) -> str:
        """Where the encoder runs: "cpu" or "cuda"."""
        return self._encoder.device

    def embed(self, source: Source) -> Tensor:
        """The mean-pooled Wav2Vec2 embedding of a source: float32 (hidden,).

        `source` is a path, an http or https address, the bytes of a file, or `(waveform, sample
        rate in Hz)`.

        Raises:
            AudioError: the source can't be judged.
            InferenceError: onnxruntime failed on it.
        """
        return self._embed(self._load(source))

    def predict(self, source: Source) -> Detection:
        """The verdict on one source, judged in one piece.

        `source` is a path, an http or https address, the bytes of a file, or `(waveform, sample
        rate in Hz)`.

        Raises:
            AudioError: the source can't be judged.
            InferenceError: onnxruntime failed on it.
        """
        waveform = self._load(source)
        row = self._classifier.run(self._embed(waveform)[np.newaxis])[0]
        labels = self.manifest.labels
        if len(row) != len(labels):
            raise InferenceError(
                f"the classifier gave {len(row)} probabilities for {len(labels)} labels; "
                "export the model again"
            )
        probabilities = dict(zip(labels, row.tolist(), strict=True))
        label = max(probabilities, key=probabilities.__getitem__)
        return Detection(
            source=source_name(source),
            label=label,
            confidence=probabilities[label],
            probabilities=probabilities,
            spoof_probability=spoof_probability(probabilities, self.manifest),
            duration_s=len(waveform) / self.manifest.sample_rate,
            mode="whole",
            model=self.model,
            device=self.device,
        )

    def predict_batch(self, sources: Iterable[Source]) -> Iterator[Detection | Failure]:
        """A detection or a failure for each source, in order, each as soon as it is known."""
        for source in sources:
            yield self._answer(source)

    def _answer(self, source: Source) -> Detection | Failure:
        try:
            return self.predict(source)
        except EdgeDetectError as error:
            # Frames and causes hold the source's content: a list of failures would keep it all.
            error.__traceback__ = error.__cause__ = error.__context__ = None
            return Failure(source_name(source), error)

    def _load(self, source: Source) -> Waveform:
        rate = self.manifest.sample_rate
        waveform = load_audio(source, rate, self._fetching)
        check_waveform(waveform, rate, self.manifest.min_samples, source_name(source))
        return waveform

    def _embed(self, waveform: Waveform) -> Tensor:
        embedding: Tensor = self._encoder.run(waveform[np.newaxis])[0]
        return embedding
