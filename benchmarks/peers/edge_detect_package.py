"""edge-detect itself: a model package through the public `Detector`, one class a precision."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import RATE, Files, Float32, Peer
from edge_detect import Detection, Detector


class Fp32(Peer):
    """What `Detector.load(package, precision="fp32")` gives."""

    PRECISION = "fp32"

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @classmethod
    def load(cls, files: Files, threads: int) -> "Fp32":
        """Load the package, its files' checksums compared."""
        return cls(
            Detector.load(files.package, device="cpu", precision=cls.PRECISION, threads=threads)
        )

    def embed(self, waveform: Float32) -> Float32:
        """Float32 (samples,) to (hidden,), through the same checks as a file."""
        return self._detector.embed((waveform, RATE))

    def answer(self, files: Files, wavs: Sequence[Path]) -> list[float]:
        """The product's own way with many files: `predict_batch`."""
        answers = []
        for result in self._detector.predict_batch(wavs):
            if not isinstance(result, Detection):
                raise result.error
            answers.append(result.probabilities["spoof"])
        return answers


class Int8(Fp32):
    """The 8-bit graph."""

    PRECISION = "int8"
