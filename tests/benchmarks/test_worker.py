"""The worker's protocol, with an engine that is no engine."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.crew import Worker, WorkerFailed, choose_cpus
from benchmarks.places import CACHE_VARIABLE

FAKE = "tests.benchmarks.fake_engine:FakeService"


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    started = Worker("fake", Path(sys.executable), FAKE, {"start": 1.5}, threads=1)
    yield started
    started.stop()


def test_answers_and_keeps_its_state(worker: Worker) -> None:
    assert worker.call("add", value=2) == 3.5
    assert worker.call("add", value=1) == 4.5


def test_what_an_engine_prints_goes_to_the_log(worker: Worker, tmp_path: Path) -> None:
    assert worker.call("chatter") == "said"
    assert "noise from C" in (tmp_path / "logs" / "fake.log").read_text(encoding="utf-8")


def test_is_pinned_to_as_many_cpus_as_threads(worker: Worker) -> None:
    assert worker.call("cpus") == choose_cpus(1)
    assert len(choose_cpus(1)) == 1


def test_an_error_names_the_engine_and_leaves_it_usable(worker: Worker) -> None:
    with pytest.raises(WorkerFailed, match="fake, fail: KeyError: 'no such layer'"):
        worker.call("fail")
    assert worker.call("add", value=0) == 1.5


def test_private_methods_are_refused(worker: Worker) -> None:
    with pytest.raises(WorkerFailed, match="not public"):
        worker.call("_hidden")


def test_a_crash_is_told_with_the_log(worker: Worker, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"fake ended during vanish; see .*fake\.log"):
        worker.call("vanish")


def test_more_threads_than_cpus_are_refused() -> None:
    with pytest.raises(SystemExit, match="as many CPUs"):
        choose_cpus(len(os.sched_getaffinity(0)) + 1)
