"""What a worker does with an engine, in the engine's own environment."""

import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.peer import Files, Peer, PreparedPeer
from benchmarks.worker import resolve

PACKAGES = (
    "edge-detect",
    "numpy",
    "nncf",
    "onnx",
    "onnxruntime",
    "openvino",
    "optimum",
    "optimum-onnx",
    "torch",
    "transformers",
)


class EngineService:
    """One engine on one model; the methods are what a worker can be asked for."""

    def __init__(self, peer: str, files: dict[str, Any], threads: int) -> None:
        self._peer = peer
        self._files = files_from(files)
        self._threads = threads
        self._engine: Peer | None = None

    def prepare(self) -> None:
        """Make what loading needs, if it needs anything."""
        peer = resolve(self._peer)
        if issubclass(peer, PreparedPeer):
            peer.prepare(self._files)

    def load(self) -> float:
        """Import the engine and load the model; returns seconds."""
        start = time.perf_counter()
        self._engine = resolve(self._peer).load(self._files, self._threads)
        return time.perf_counter() - start

    def embed(self, clip: str) -> dict[str, Any]:
        """Embed a .npy clip: wall-clock and CPU seconds of it, and the embedding."""
        waveform = np.load(clip)
        wall, cpu = time.perf_counter(), time.process_time()
        embedding = self._loaded().embed(waveform)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return {"wall_s": wall, "cpu_s": cpu, "embedding": embedding.tolist()}

    def answer(self, wavs: list[str]) -> dict[str, Any]:
        """Answer WAV files: wall-clock and CPU seconds of all, and the spoof probabilities."""
        paths = [Path(wav) for wav in wavs]
        wall, cpu = time.perf_counter(), time.process_time()
        probabilities = self._loaded().answer(self._files, paths)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return {"wall_s": wall, "cpu_s": cpu, "spoof_probabilities": probabilities}

    def peak_rss_mb(self) -> float:
        """The most memory that this process ever held, MB (10^6 bytes)."""
        return status_kib("VmHWM") * 1024 / 1e6

    def versions(self) -> dict[str, str]:
        """Of the packages that have a hand in it, where they are installed."""
        found = {}
        for package in PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def _loaded(self) -> Peer:
        if self._engine is None:
            raise RuntimeError("load comes first")
        return self._engine


def files_from(files: dict[str, Any]) -> Files:
    """`Files` from JSON."""
    paths = {name: Path(value) for name, value in files.items() if name != "calibration"}
    return Files(**paths, calibration=tuple(Path(clip) for clip in files["calibration"]))


def files_to(files: Files) -> dict[str, Any]:
    """`Files` for JSON."""
    paths = {name: str(value) for name, value in vars(files).items() if name != "calibration"}
    return {**paths, "calibration": [str(clip) for clip in files.calibration]}


def status_kib(field: str, pid: int | str = "self") -> int:
    """A field of /proc/PID/status, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/status has no {field}")
