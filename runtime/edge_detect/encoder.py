"""The encoder graph on its device: a session for single clips, one for many at a time."""

from pathlib import Path
from threading import Lock

from edge_detect.detection import Device
from edge_detect.manifest import Graph
from edge_detect.precision import Choice, choose
from edge_detect.processor import usable_cpus
from edge_detect.session import GraphSession, possible_devices
from edge_detect.store import ModelPackage


class Encoder:
    """A package's encoder graph: one session for single clips, one that workers share.

    A single clip is fastest on all threads. Many clips are fastest on one thread each, with as
    many at a time: no thread waits for another within a graph, and decoding overlaps. Sessions
    hold the weights, so each of the two is opened when it is first used.
    """

    def __init__(
        self,
        package: ModelPackage,
        precision: str,
        device: Device,
        threads: int | None,
        expected_sources: int = 1,
        jobs: int | None = None,
    ) -> None:
        """Choose the graph and open the session that `expected_sources` in one batch are best with.

        `jobs` is how many clips at a time a batch has, None for what is best.

        Raises:
            ModelError: the package has no such graph for the device, or it can't be loaded.
        """
        self._device: Device = device
        self.threads = threads or usable_cpus()
        self._jobs = jobs
        self._sessions: dict[int, GraphSession] = {}
        self._opening = Lock()
        self._choose(package, precision, possible_devices(device))
        many = self.runs_concurrently(expected_sources)
        started = self.for_workers() if many else self.for_singles()
        if started.device != self.choice.device:  # onnxruntime has said that CUDA didn't start
            self._choose(package, precision, (started.device,))
            self._sessions.clear()

    def _choose(self, package: ModelPackage, precision: str, devices: tuple[str, ...]) -> None:
        self.choice: Choice = choose(package, precision, devices)
        self._graph: Graph = package.encoder(self.choice.precision)
        self._path: Path = package.verified(self._graph)

    @property
    def workers(self) -> int:
        """Clips at a time of a batch."""
        return self._jobs or (self.threads if self.choice.device == "cpu" else 1)

    def runs_concurrently(self, sources: int) -> bool:
        """Whether as many sources are better answered side by side than one after the other."""
        return 1 < self.workers <= sources

    def for_singles(self) -> GraphSession:
        """The session that answers one clip soonest."""
        return self._open(self.threads)

    def for_workers(self) -> GraphSession:
        """The session on which `workers` threads answer most clips in a given time."""
        return self._open(1)

    def _open(self, threads: int) -> GraphSession:
        with self._opening:
            if threads not in self._sessions:
                device = self._device if self.choice.device == "cuda" else "cpu"
                self._sessions[threads] = GraphSession(self._path, self._graph, device, threads)
            return self._sessions[threads]
