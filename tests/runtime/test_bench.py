"""The bench: every usable precision in turns, each with its distance from the right answers."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_detect import Detector, ModelError
from edge_detect.bench import DURATIONS_S, bench, distance
from edge_detect.bench_report import BenchReport
from edge_detect.errors import NoSpeech
from edge_detect.processor import cpu_kind
from edge_detect.store import open_package


@pytest.fixture(scope="module")
def report(quantised: Path) -> BenchReport:
    return bench(open_package(quantised), device="cpu", threads=2, seconds=2)


def test_every_precision_that_runs_here(report: BenchReport) -> None:
    assert [one.precision for one in report.precisions] == ["fp32", "int8-fast", "int8"]
    assert {one.device for one in report.precisions} == {"cpu"}
    assert report.auto.startswith("int8: 1.6 times as fast")


def test_latencies_are_those_of_the_samples(report: BenchReport) -> None:
    for precision in report.precisions:
        assert tuple(one.duration_s for one in precision.latencies) == DURATIONS_S
        assert len({len(one.samples_s) for one in precision.latencies}) == 1
        for latency in precision.latencies:
            assert min(latency.samples_s) > 0
            assert latency.p50_s == pytest.approx(np.median(latency.samples_s))
            assert latency.p50_s <= latency.p90_s <= max(latency.samples_s)
            assert latency.rtf == pytest.approx(latency.p50_s / latency.duration_s)


def test_throughput_is_that_of_the_samples(report: BenchReport) -> None:
    for precision in report.precisions:
        throughput = precision.throughput
        assert throughput.duration_s == 4.0
        assert 1 <= len(throughput.samples) <= 3
        assert throughput.clips >= 4
        assert throughput.audio_seconds_per_second == pytest.approx(np.median(throughput.samples))


def test_no_speed_without_its_quality(report: BenchReport) -> None:
    for precision in report.precisions:
        assert precision.distance.clips == 1
        assert 0 <= precision.distance.embedding_max_abs < 1e-5
        assert 0 <= precision.distance.probability_max_abs < 1e-5
        assert precision.distance.labels_differ == 0


def test_a_precision_that_is_wrong_is_seen_to_be(tiny: Path) -> None:
    package = open_package(tiny)
    [golden] = package.manifest.golden
    other = replace(
        golden,
        embedding=tuple(x + 0.5 for x in golden.embedding),
        probabilities=tuple(reversed(golden.probabilities)),
    )
    moved = replace(package, manifest=replace(package.manifest, golden=(golden, other)))
    found = distance(moved, Detector.load(tiny, device="cpu", threads=1))
    assert (found.clips, found.labels_differ) == (2, 1)
    assert found.embedding_max_abs == pytest.approx(0.5, abs=1e-5)
    low, high = sorted(golden.probabilities)
    assert found.probability_max_abs == pytest.approx(high - low, abs=1e-5)


def test_the_machine(report: BenchReport) -> None:
    machine = report.machine
    assert (machine.threads, machine.cpu_kind) == (2, cpu_kind())
    assert set(machine.versions) == {"edge-detect", "onnxruntime", "numpy", "python"}
    assert machine.cpu


def test_it_ends_in_about_its_time(tiny: Path) -> None:
    begun = time.monotonic()
    bench(open_package(tiny), device="cpu", threads=1, seconds=1)
    assert time.monotonic() - begun < 10


def test_the_users_own_clip(tiny: Path, speech_path: Path) -> None:
    report = bench(open_package(tiny), str(speech_path), device="cpu", threads=1, seconds=1)
    [precision] = report.precisions
    [latency] = precision.latencies
    assert report.audio == str(speech_path)
    assert latency.duration_s == precision.throughput.duration_s == pytest.approx(5.3)


def test_a_clip_that_can_not_be_judged(tiny: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    with pytest.raises(NoSpeech):
        bench(open_package(tiny), str(tmp_path / "silence.wav"), device="cpu", seconds=1)


def test_a_model_without_golden_clips(tiny: Path) -> None:
    package = open_package(tiny)
    without = replace(package, manifest=replace(package.manifest, golden=()))
    with pytest.raises(ModelError, match="no golden clip"):
        bench(without, device="cpu", seconds=1)
