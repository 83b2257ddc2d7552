"""The workers of one run, asked in turn.

One engine computes at a time while the others wait; before each call there is a pause, so that
threads that still spin from the call before have gone to sleep. What the machine's CPUs did beside
the engine during its call is measured and kept with every sample.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.console import say
from benchmarks.engines import Engine
from benchmarks.environments import EnvironmentFailed, worker_variables
from benchmarks.models import Model
from benchmarks.peers.peer import Files
from benchmarks.places import CHECKOUT, cache_folder
from benchmarks.service import files_to, status_kib

PAUSE_S = 0.1
ROOM_MB = 6_000
"""Free memory that is kept for the next call: more than any engine takes for a minute of audio."""
Answer = TypeVar("Answer")

SERVICE = "benchmarks.service:EngineService"


class WorkerFailed(Exception):
    """A worker answered with an error, or ended; the message names the engine and its log."""


class Worker:
    """A process that serves one object."""

    def __init__(
        self, name: str, python: Path, service: str, arguments: dict[str, Any], threads: int
    ) -> None:
        self.name = name
        self._log = cache_folder() / "logs" / f"{name}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "benchmarks.worker", service, json.dumps(arguments)]
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, ",".join(map(str, choose_cpus(threads)))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=CHECKOUT,
                env=worker_variables(threads),
            )

    def call(self, method: str, **arguments: Any) -> Any:
        """The answer of a method.

        Raises:
            WorkerFailed: it raised, or the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"call": method, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerFailed(f"{self.name} ended during {method}; see {self._log}")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerFailed(f"{self.name}, {method}: {reply['error']}")
        return reply["answer"]

    @property
    def rss_mb(self) -> float:
        """Memory that the process holds now, MB."""
        return status_kib("VmRSS", self._process.pid) * 1024 / 1e6

    def stop(self) -> None:
        """End the process and wait for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=30)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True)
class Sample:
    """One timed call."""

    wall_s: float
    foreign_cpu_s: float
    """CPU seconds that the machine spent on anything else meanwhile."""
    answer: dict[str, Any]
    """All that the method gave."""


class Crew:
    """A worker for each engine, started when it is first asked, stopped where memory gets short."""

    def __init__(self, model: Model, engines: Sequence[Engine], threads: int) -> None:
        self._model = model
        self._engines = {engine.name: engine for engine in engines}
        self._threads = threads
        self._workers: dict[str, Worker] = {}
        self._warm: set[tuple[str, str]] = set()
        self.failures: dict[str, str] = {}
        """Engine to the reason why it is out of the run."""
        self.versions: dict[str, dict[str, str]] = {}
        """Engine to package to version."""

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._workers):
            self._dismiss(name)

    def round(self, method: str, **arguments: Any) -> dict[str, Sample]:
        """One timed call of each engine, by its name; one that fails is out of the run."""
        return self._each(lambda name: self.timed(name, method, **arguments))

    def answers(self, method: str, **arguments: Any) -> dict[str, Any]:
        """What each engine answers, by its name; one that fails is out of the run."""
        return self._each(lambda name: self.ask(name, method, **arguments))

    def _each(self, call: Callable[[str], Answer]) -> dict[str, Answer]:
        answers = {}
        for name in self._engines:
            if name not in self.failures:
                try:
                    answers[name] = call(name)
                except (WorkerFailed, EnvironmentFailed) as error:
                    say(f"{name} is out: {error}")
                    self.failures[name] = str(error)
                    self._dismiss(name)
        return answers

    def timed(self, name: str, method: str, **arguments: Any) -> Sample:
        """Call a method that gives wall_s and cpu_s.

        A worker that never had this very call has it once before, untimed.

        Raises:
            WorkerFailed: the engine failed.
            EnvironmentFailed: it has no environment.
        """
        worker = self._worker(name)
        call = (name, json.dumps([method, arguments]))
        if call not in self._warm:
            worker.call(method, **arguments)
            self._warm.add(call)
        time.sleep(PAUSE_S)
        busy = machine_cpu_s()
        answer = worker.call(method, **arguments)
        foreign = max(0.0, machine_cpu_s() - busy - answer["cpu_s"])
        self._make_room(name)
        return Sample(answer["wall_s"], foreign, answer)

    def ask(self, name: str, method: str, **arguments: Any) -> Any:
        """Call a method, untimed; raises as `timed`."""
        answer = self._worker(name).call(method, **arguments)
        self._make_room(name)
        return answer

    def _worker(self, name: str) -> Worker:
        if name not in self._workers:
            worker = start_engine(self._engines[name], self._model, self._threads)
            self._workers[name] = worker
            worker.call("load")
            self.versions[name] = worker.call("versions")
        return self._workers[name]

    def _make_room(self, busy: str) -> None:
        """Stop the largest of the others until the next call has room."""
        while available_mb() < ROOM_MB:
            others = [name for name in self._workers if name != busy]
            if not others:
                return
            self._dismiss(max(others, key=lambda name: self._workers[name].rss_mb))

    def _dismiss(self, name: str) -> None:
        if worker := self._workers.pop(name, None):
            worker.stop()
        self._warm = {call for call in self._warm if call[0] != name}


def start_engine(engine: Engine, model: Model, threads: int) -> Worker:
    """A worker for an engine, whose files are made first where they are missing.

    Raises:
        EnvironmentFailed: pip could not make its environment.
        WorkerFailed: the engine could not make its files.
    """
    engine.environment.ensure()
    files = engine.files(model)
    if not engine.own and not files.prepared.exists():
        prepare_engine(engine, files)
    return open_worker(engine, files, threads)


def prepare_engine(engine: Engine, files: Files) -> None:
    """Let the engine make its files, in a process that ends with it."""
    part = files.prepared.with_name(files.prepared.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    say(f"preparing {engine.name}")
    worker = open_worker(engine, replace(files, prepared=part), len(os.sched_getaffinity(0)))
    try:
        worker.call("prepare")
    finally:
        worker.stop()
    part.rename(files.prepared)


def open_worker(engine: Engine, files: Files, threads: int) -> Worker:
    """A worker for an engine on given files."""
    arguments = {"peer": engine.peer, "files": files_to(files), "threads": threads}
    return Worker(engine.name, engine.environment.python, SERVICE, arguments, threads)


def choose_cpus(threads: int) -> list[int]:
    """As many CPUs as threads, the last ones, which the system itself uses least.

    Raises:
        SystemExit: there are fewer.
    """
    cpus = sorted(os.sched_getaffinity(0))
    if threads > len(cpus):
        raise SystemExit(f"{threads} threads need as many CPUs; this process may use {len(cpus)}")
    return cpus[-threads:]


def machine_cpu_s() -> float:
    """CPU seconds that the whole machine has been busy since it started, the hypervisor's too."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def available_mb() -> float:
    """Memory that new allocations can have, MB."""
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError("/proc/meminfo has no MemAvailable")
