"""The detector: audio loading, the encoder graph and the classifier graph in a row."""

import os
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import closing
from functools import partial
from itertools import chain
from typing import TypeAlias

import numpy as np

from edge_detect.audio import (
    SILENCE_DBFS,
    Source,
    check_length,
    check_speech,
    check_waveform,
    decoded_pieces,
    load_audio,
    loudest_frame_dbfs,
    resample,
    sounding_seconds,
    source_name,
)
from edge_detect.calibration_profile import CalibrationProfile, read_profile
from edge_detect.decoded import Decoded, Waveform, gather
from edge_detect.detection import (
    NO_SPEECH,
    Detection,
    Device,
    Failure,
    ModelIdentity,
    Threshold,
    Verdict,
    Window,
    spoof_probability,
    verdict_of,
)
from edge_detect.encoder import Encoder
from edge_detect.errors import EdgeDetectError, InferenceError, VerdictUnavailable
from edge_detect.fetching import DEFAULT_FETCHING, Fetching
from edge_detect.manifest import Decision, Manifest
from edge_detect.precision import AUTO
from edge_detect.session import GraphSession, Stop, Tensor
from edge_detect.silence import cut_silence
from edge_detect.store import DEFAULT_MODEL, ModelPackage, open_package
from edge_detect.timeline import merge
from edge_detect.windowing import LONG_IN_WINDOWS, Mode, Windowing
from edge_detect.windows import (
    Excerpt,
    Judged,
    Meter,
    excerpts,
    overall_row,
    resampled,
    take_seconds,
)
from edge_detect.workers import answers_in_order

Judge: TypeAlias = Callable[[Iterable[Excerpt]], Iterator[Judged]]
"""Windows to their answers, in order."""


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
        windowing: Windowing = LONG_IN_WINDOWS,
        threshold: float | None = None,
        jobs: int | None = None,
        profile: CalibrationProfile | None = None,
    ) -> None:
        if threshold is not None and profile is not None:
            raise ValueError("a profile has a threshold of its own; give one of them")
        classifier = package.manifest.classifier
        self.manifest: Manifest = package.manifest
        self._fetching = fetching
        self._windowing = windowing
        self._profile = profile
        own = profile.decision if profile else self.manifest.decision
        self._decision = own if threshold is None else Threshold(threshold)
        if not self.manifest.bonafide_labels and (threshold is not None or windowing.top_k):
            raise VerdictUnavailable(
                f"the model {self.manifest.name!r} does not say which labels mean real speech, so "
                "no threshold and no top-k apply; export it with --bonafide-label"
            )
        self._encoder = Encoder(package, precision, device, threads, expected_sources, jobs)
        chosen = self._encoder.choice.precision
        self.model = ModelIdentity(package.manifest.name, package.sha256, chosen)
        if profile:
            profile.check_model(self.model, self.manifest.bonafide_labels)
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
        windowing: Windowing = LONG_IN_WINDOWS,
        threshold: float | None = None,
        jobs: int | None = None,
        profile: str | os.PathLike[str] | None = None,
    ) -> "Detector":
        """Load a model package by name or folder.

        `precision` is one that the package has, or "auto": fp32, or int8 where the package's
        measurements on this kind of CPU speak for it (`precision_reason`). `threads` is the number
        of CPU threads, None for all that the process may use, which its affinity and its control
        group limit; `fetching` limits what a source that is an http or https address may give.
        Single sources and batches run best in different sessions, each with the weights in memory
        and opened when it is first used: `expected_sources` tells how many sources one call will
        have, so that the right one is opened here. `windowing` says which sources are judged in
        windows, those above 2 min where it is not given (the command takes `Windowing()`: above
        30 s); `jobs` is how many sources of a batch are answered side by side, None for as many
        as threads; `threshold`, a spoof probability, takes the place of the model's own decision,
        and so does `profile`, a file that `edge-detect calibrate` made for this model, by which
        every probability is calibrated, too. The graphs are checked against the manifest's sha256
        first.

        Raises:
            ModelError: the subclass says why the model can't be used here.
            ValueError: there are both a threshold and a profile.
        """
        package = open_package(name_or_path)
        return cls(
            package,
            precision,
            device,
            threads,
            fetching,
            expected_sources,
            windowing,
            threshold,
            jobs,
            None if profile is None else read_profile(profile),
        )

    @property
    def device(self) -> str:
        """Where the encoder runs: "cpu" or "cuda"."""
        return self._encoder.choice.device

    @property
    def precision_reason(self) -> str:
        """Why the encoder runs in its precision: one sentence, the precision first."""
        return self._encoder.choice.reason

    @property
    def threads(self) -> int:
        """CPU threads that a single source is judged on."""
        return self._encoder.threads

    @property
    def windowing(self) -> Windowing:
        """Which sources are judged in windows, and in which."""
        return self._windowing

    @property
    def decision(self) -> Decision | Threshold | None:
        """What verdicts are by: the model's own decision, the profile's, or a given threshold."""
        return self._decision

    @property
    def profile(self) -> CalibrationProfile | None:
        """By which every probability is calibrated; None where the model's own are the answer."""
        return self._profile

    def embed(self, source: Source) -> Tensor:
        """The mean-pooled Wav2Vec2 embedding of a source, all of it: float32 (hidden,).

        `source` is a path, an http or https address, the bytes of a file, or `(waveform, sample
        rate in Hz)`.

        Raises:
            AudioError: the source can't be judged.
            InferenceError: onnxruntime failed on it.
        """
        return self._embed(self._load(source), self._encoder.for_singles())

    def predict(self, source: Source) -> Detection:
        """The verdict on one source, judged whole or in windows as `windowing` says.

        In windows, each has a score of its own and the source's probabilities are their mean, or
        that of the `top_k` most suspicious; silent windows count for nothing. Memory does not grow
        with the length of the source. `source` is a path, an http or https address, the bytes of a
        file, or `(waveform, sample rate in Hz)`.

        Raises:
            AudioError: the source can't be judged.
            InferenceError: onnxruntime failed on it.
        """
        return self._detect_alone(source)

    def predict_batch(self, sources: Iterable[Source | Failure]) -> Iterator[Detection | Failure]:
        """A detection or a failure for each source, in order, each as soon as it is known.

        On a CPU the sources are answered side by side, each on one thread and `threads` of them at
        a time: more of them in a given time, while one by itself takes longer than by `predict`.
        (Fewer sources than threads, where `sources` has a length, go one after the other, each on
        all threads.) The numbers are those of `predict` but for the order of float32 additions,
        1e-6 of a probability. Sources are drawn in the caller's thread, at most 8 for each thread
        ahead of the results taken, so that memory does not grow with their number; it does with
        `threads`. A failure among the sources is its own answer. Closing the iterator ends what is
        under way; a download, within its limits.
        """
        many = not isinstance(sources, Sized) or self._encoder.runs_concurrently(len(sources))
        if many and self._encoder.workers > 1:
            return self._answer_concurrently(sources)
        return (self._answer(source, self._detect_alone) for source in sources)

    def _answer_concurrently(
        self, sources: Iterable[Source | Failure]
    ) -> Iterator[Detection | Failure]:
        session, stop = self._encoder.for_workers(), Stop()

        def answer(source: Source | Failure) -> Detection | Failure:
            return self._answer(source, partial(self._detect, session=session, stop=stop))

        yield from answers_in_order(answer, sources, self._encoder.workers, stop.set)

    def _answer(
        self, source: Source | Failure, detect: Callable[[Source], Detection]
    ) -> Detection | Failure:
        if isinstance(source, Failure):
            return source
        try:
            return detect(source)
        except EdgeDetectError as error:
            # Frames and causes hold the source's content: a list of failures would keep it all.
            error.__traceback__ = error.__cause__ = error.__context__ = None
            return Failure(source_name(source), error)

    def _detect(self, source: Source, session: GraphSession, stop: Stop | None = None) -> Detection:
        """One source on one session, its windows one after the other."""

        def judge(recording: Iterable[Excerpt]) -> Iterator[Judged]:
            return (self._judge(excerpt, session, stop) for excerpt in recording)

        return self._detect_by(source, session, judge, stop)

    def _detect_alone(self, source: Source) -> Detection:
        """One source; where it is judged in windows, as many at a time as there are threads."""
        if self._encoder.workers == 1:
            return self._detect(source, self._encoder.for_singles())
        stop = Stop()

        def judge(recording: Iterable[Excerpt]) -> Iterator[Judged]:
            session = self._encoder.for_workers()
            answer = partial(self._judge, session=session, stop=stop)
            return answers_in_order(answer, recording, self._encoder.workers, stop.set)

        return self._detect_by(source, self._encoder.for_singles(), judge)

    def _detect_by(
        self, source: Source, whole: GraphSession, judge: Judge, stop: Stop | None = None
    ) -> Detection:
        """Whole on a session, or in windows by `judge`, whichever the source's length asks for."""
        longest = self._windowing.longest_whole
        with closing(decoded_pieces(source, self._fetching)) as pieces:
            head, longer = take_seconds(pieces, longest)
            if longer and self._windowing.mode != "whole":
                return self._detect_windows(source_name(source), chain(head, pieces), judge)
        waveform = resample(gather(head), self.manifest.sample_rate)
        self._check(waveform, source)
        row = self._probabilities(waveform, whole, stop)
        return self._detection(source_name(source), row, len(waveform), "whole")

    def _detect_windows(self, name: str, pieces: Iterable[Decoded], judge: Judge) -> Detection:
        rate = self.manifest.sample_rate
        window, hop = self._windowing.in_samples(rate)
        meter = Meter(rate)
        recording = excerpts(meter.follow(resampled(pieces, rate)), window, hop)
        judged = list(judge(recording))
        check_speech(meter.sounding_seconds, self._windowing.min_speech_seconds, name)
        return self._detection(
            name,
            overall_row(judged, self._windowing.top_k),
            meter.samples,
            "windows",
            tuple(each.window for each in judged),
        )

    def _judge(self, excerpt: Excerpt, session: GraphSession, stop: Stop | None) -> Judged:
        """One window: its state, and its probabilities unless it is silent."""
        rate = self.manifest.sample_rate
        check_length(excerpt.waveform, rate, self.manifest.min_samples, "the window")
        start, end = excerpt.start / rate, (excerpt.start + len(excerpt.waveform)) / rate
        if loudest_frame_dbfs(excerpt.waveform, rate) < SILENCE_DBFS:
            return Judged(Window(start, end, NO_SPEECH, None), None)
        row = self._probabilities(excerpt.waveform, session, stop)
        probabilities = self._by_label(row)
        spoof = spoof_probability(probabilities, self.manifest)
        state = self._verdict(spoof) or most_probable(probabilities)
        return Judged(Window(start, end, state, spoof), row)

    def _detection(
        self,
        name: str,
        row: Tensor,
        samples: int,
        mode: Mode,
        windows: tuple[Window, ...] = (),
    ) -> Detection:
        probabilities = self._by_label(row)
        label = most_probable(probabilities)
        spoof = spoof_probability(probabilities, self.manifest)
        return Detection(
            source=name,
            label=label,
            confidence=probabilities[label],
            probabilities=probabilities,
            spoof_probability=spoof,
            verdict=self._verdict(spoof),
            duration_s=samples / self.manifest.sample_rate,
            mode=mode,
            model=self.model,
            device=self.device,
            windows=windows,
            segments=merge(windows) if windows else (),
            profile_sha256=self._profile.sha256 if self._profile else None,
        )

    def _verdict(self, spoof: float | None) -> Verdict | None:
        if spoof is None or self._decision is None:
            return None
        return verdict_of(spoof, self._decision)

    def _by_label(self, row: Tensor) -> dict[str, float]:
        labels = self.manifest.labels
        if len(row) != len(labels):
            raise InferenceError(
                f"the classifier gave {len(row)} probabilities for {len(labels)} labels; "
                "export the model again"
            )
        probabilities = dict(zip(labels, row.tolist(), strict=True))
        if self._profile:
            return self._profile.apply(probabilities, self.manifest.bonafide_labels)
        return probabilities

    def _probabilities(
        self, waveform: Waveform, session: GraphSession, stop: Stop | None = None
    ) -> Tensor:
        if self.manifest.cuts_silence:
            rate, least = self.manifest.sample_rate, self.manifest.min_samples
            waveform = cut_silence(waveform, rate, least)
        row: Tensor = self._classifier.run(self._embed(waveform, session, stop)[np.newaxis])[0]
        return row

    def _check(self, waveform: Waveform, source: Source) -> None:
        rate, name = self.manifest.sample_rate, source_name(source)
        check_waveform(waveform, rate, self.manifest.min_samples, name)
        if self._windowing.min_speech_seconds:
            sounding = sounding_seconds(waveform, rate)
            check_speech(sounding, self._windowing.min_speech_seconds, name)

    def _load(self, source: Source) -> Waveform:
        waveform = load_audio(source, self.manifest.sample_rate, self._fetching)
        self._check(waveform, source)
        return waveform

    def _embed(self, waveform: Waveform, session: GraphSession, stop: Stop | None = None) -> Tensor:
        embedding: Tensor = session.run(waveform[np.newaxis], stop)[0]
        return embedding


def most_probable(probabilities: dict[str, float]) -> str:
    """The label with the highest probability, the first of equals."""
    return max(probabilities, key=probabilities.__getitem__)
