"""How fast and how exact each precision of a model is on this machine."""

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_detect import __version__
from edge_detect.audio import load_audio
from edge_detect.bench_report import (
    SCHEMA,
    BenchReport,
    Distance,
    Latency,
    Machine,
    PrecisionReport,
    Throughput,
)
from edge_detect.decoded import Waveform
from edge_detect.detection import Device
from edge_detect.detector import Detector
from edge_detect.errors import ModelError
from edge_detect.precision import AUTO, choose
from edge_detect.processor import cpu_kind, cpu_name, usable_cpus
from edge_detect.session import ONNXRUNTIME_VERSION, possible_devices
from edge_detect.store import ModelPackage
from edge_detect.windowing import WHOLE

DURATIONS_S = (1.0, 4.0, 10.0)
BATCH_DURATION_S = 4.0

# Enough for a p90: a small model has them long before the time is up.
MAX_ROUNDS = 30

BATCHES = 3  # for a median; fewer where the time is up
MIN_CLIPS_PER_THREAD = 2
MAX_CLIPS = 500

# Shares of the time; loading, warming up and the golden clips take the rest.
LATENCY_SHARE = 0.5
BATCH_SHARE = 0.3


@dataclass(frozen=True)
class Clips:
    """What is judged: waveforms at the model's sample rate."""

    name: str
    """Of the file that they come from."""
    sample_rate: int
    """Hz"""
    single: tuple[Waveform, ...]
    """One for each duration."""
    batch: Waveform
    """The clip that a batch repeats: one of `single`."""


@dataclass(frozen=True)
class Setting:
    """How the detectors are loaded."""

    package: ModelPackage
    device: Device
    threads: int

    def load(self, precision: str, expected_sources: int = 1) -> Detector:
        """A detector in a precision."""
        package, device, threads = self.package, self.device, self.threads
        return Detector(
            package,
            precision,
            device,
            threads,
            expected_sources=expected_sources,
            windowing=WHOLE,
        )


def bench(
    package: ModelPackage,
    file: str | None = None,
    *,
    device: Device = "auto",
    threads: int | None = None,
    seconds: float = 60,
) -> BenchReport:
    """Measure all precisions of a package that can run here, in turns, in about `seconds`.

    Without a `file`, clips of 1, 4 and 10 s are made of the package's last golden clip. Latency
    is measured and then throughput, each with only its own sessions in memory.

    Raises:
        ModelError: the package can't be used here, or has no golden clip.
        AudioError: the file can't be judged.
    """
    begun = time.perf_counter()
    if not package.manifest.golden:
        raise ModelError(
            f"the model {package.manifest.name!r} has no golden clip that would tell whether a "
            "fast answer is a right one; export it again"
        )
    clips = clips_of(package, file)
    devices = possible_devices(device)
    auto = choose(package, AUTO, devices)
    encoders = package.manifest.encoders
    usable = [g.precision for g in encoders if not set(devices).isdisjoint(g.devices)]
    setting = Setting(package, device, threads or usable_cpus())

    singles = measure_singles(setting, usable, clips, begun + LATENCY_SHARE * seconds)
    batches = measure_batches(setting, singles, clips, BATCH_SHARE * seconds)
    return BenchReport(
        schema=SCHEMA,
        model=package.manifest.name,
        model_sha256=package.sha256,
        audio=clips.name,
        machine=this_machine(setting.threads),
        auto=auto.reason,
        precisions=tuple(
            PrecisionReport(
                precision=precision,
                device=single.device,
                load_s=single.load_s,
                distance=single.distance,
                latencies=single.latencies,
                throughput=batches[precision],
            )
            for precision, single in singles.items()
        ),
    )


def clips_of(package: ModelPackage, file: str | None) -> Clips:
    """The user's clip as it is, or the golden clip repeated to each duration."""
    rate = package.manifest.sample_rate
    if file is not None:
        waveform = load_audio(file, rate)
        return Clips(file, rate, (waveform,), waveform)
    golden = package.manifest.golden[-1].file
    waveform = load_audio(package.folder / golden, rate)
    by_duration = {s: np.resize(waveform, round(s * rate)) for s in DURATIONS_S}
    return Clips(golden, rate, tuple(by_duration.values()), by_duration[BATCH_DURATION_S])


@dataclass(frozen=True)
class Singles:
    """What was measured of a precision with one clip at a time."""

    device: str
    load_s: float
    distance: Distance
    latencies: tuple[Latency, ...]

    def p50_s(self, duration_s: float) -> float:
        """Median time for the clip of that duration."""
        [latency] = [one for one in self.latencies if one.duration_s == duration_s]
        return latency.p50_s


def measure_singles(
    setting: Setting, precisions: list[str], clips: Clips, deadline: float
) -> dict[str, Singles]:
    """Load time, distance and latencies of each precision, until `deadline` (perf_counter)."""
    detectors: dict[str, Detector] = {}
    load_s: dict[str, float] = {}
    for precision in precisions:
        begun = time.perf_counter()
        detectors[precision] = setting.load(precision)
        load_s[precision] = time.perf_counter() - begun
    distances = {name: distance(setting.package, one) for name, one in detectors.items()}
    samples = alternate(detectors, clips, deadline)
    return {
        name: Singles(
            detector.device,
            load_s[name],
            distances[name],
            tuple(
                latency_of(len(waveform) / clips.sample_rate, samples[name, index])
                for index, waveform in enumerate(clips.single)
            ),
        )
        for name, detector in detectors.items()
    }


def alternate(
    detectors: Mapping[str, Detector], clips: Clips, deadline: float
) -> dict[tuple[str, int], list[float]]:
    """Seconds for each precision and clip (by its index), all in turns.

    The first round warms up. Every other round goes backwards, so that a machine that slows down
    slows every precision alike; no round begins that would not end before the deadline.
    """
    turns = [(name, index) for name in detectors for index in range(len(clips.single))]
    samples: dict[tuple[str, int], list[float]] = {turn: [] for turn in turns}
    for number in range(MAX_ROUNDS + 1):
        begun = time.perf_counter()
        for name, index in turns if number % 2 else reversed(turns):
            spent = seconds_for(detectors[name], clips.single[index], clips.sample_rate)
            if number:
                samples[name, index].append(spent)
        now = time.perf_counter()
        if number and now + (now - begun) > deadline:
            break
    return samples


def seconds_for(detector: Detector, waveform: Waveform, sample_rate: int) -> float:
    """Time of one verdict."""
    begun = time.perf_counter()
    detector.predict((waveform, sample_rate))
    return time.perf_counter() - begun


def latency_of(duration_s: float, samples: list[float]) -> Latency:
    """The figures of the samples."""
    p50, p90 = np.percentile(samples, [50, 90]).tolist()
    return Latency(duration_s, tuple(samples), p50, p90, p50 / duration_s)


def distance(package: ModelPackage, detector: Detector) -> Distance:
    """How far a detector is from the answers that the golden clips are to have."""
    embeddings, probabilities, labels_differ = [], [], 0
    for clip in package.manifest.golden:
        path = package.folder / clip.file
        embeddings.append(np.abs(detector.embed(path) - clip.embedding).max())
        got = np.array(list(detector.predict(path).probabilities.values()))
        probabilities.append(np.abs(got - clip.probabilities).max())
        labels_differ += int(got.argmax() != np.argmax(clip.probabilities))
    return Distance(
        clips=len(package.manifest.golden),
        embedding_max_abs=float(max(embeddings)),
        probability_max_abs=float(max(probabilities)),
        labels_differ=labels_differ,
    )


def measure_batches(
    setting: Setting, singles: Mapping[str, Singles], clips: Clips, seconds: float
) -> dict[str, Throughput]:
    """The throughput of each precision, in turns, in about `seconds` for all; at least once."""
    deadline = time.perf_counter() + seconds
    duration_s = len(clips.batch) / clips.sample_rate
    share = seconds / len(singles) / BATCHES
    least = MIN_CLIPS_PER_THREAD * setting.threads
    numbers = {
        name: max(least, min(MAX_CLIPS, int(share / single.p50_s(duration_s))))
        for name, single in singles.items()
    }
    detectors = {name: setting.load(name, number) for name, number in numbers.items()}
    samples: dict[str, list[float]] = {name: [] for name in singles}
    for _ in range(BATCHES):
        begun = time.perf_counter()
        for name, detector in detectors.items():
            spent = seconds_for_batch(detector, clips, numbers[name])
            samples[name].append(numbers[name] * duration_s / spent)
        now = time.perf_counter()
        if now + (now - begun) > deadline:
            break
    return {
        name: Throughput(duration_s, numbers[name], tuple(rates), float(np.median(rates)))
        for name, rates in samples.items()
    }


def seconds_for_batch(detector: Detector, clips: Clips, number: int) -> float:
    """Time of as many verdicts by `predict_batch`."""
    begun = time.perf_counter()
    for _ in detector.predict_batch([(clips.batch, clips.sample_rate)] * number):
        pass
    return time.perf_counter() - begun


def this_machine(threads: int) -> Machine:
    """Where this runs, and with what."""
    versions = {
        "edge-detect": __version__,
        "onnxruntime": ONNXRUNTIME_VERSION,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    return Machine(cpu_name(), cpu_kind(), threads, platform.platform(), versions)
