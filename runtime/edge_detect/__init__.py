"""Tells a real human voice from a synthetic one, on the machine you already have.

Example::

    from edge_detect import Detector

    detector = Detector.load()
    print(detector.predict("clip.wav"))
"""

from typing import TYPE_CHECKING

from edge_detect.lazy import lazy_names

if TYPE_CHECKING:
    from edge_detect.detection import Detection, Failure, ModelIdentity, Segment, Window
    from edge_detect.detector import Detector
    from edge_detect.errors import (
        AudioError,
        EdgeDetectError,
        InferenceError,
        ModelError,
        OtherTracks,
        TruncatedAudio,
    )
    from edge_detect.fetching import Fetching
    from edge_detect.manifest import Decision, Manifest
    from edge_detect.windowing import Windowing

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "Decision",
    "Detection",
    "Detector",
    "EdgeDetectError",
    "Failure",
    "Fetching",
    "InferenceError",
    "Manifest",
    "ModelError",
    "ModelIdentity",
    "OtherTracks",
    "Segment",
    "TruncatedAudio",
    "Window",
    "Windowing",
    "__version__",
]

__getattr__ = lazy_names(
    __name__,
    {
        "AudioError": "errors",
        "Decision": "manifest",
        "Detection": "detection",
        "Detector": "detector",
        "EdgeDetectError": "errors",
        "Failure": "detection",
        "Fetching": "fetching",
        "InferenceError": "errors",
        "Manifest": "manifest",
        "ModelError": "errors",
        "ModelIdentity": "detection",
        "OtherTracks": "errors",
        "Segment": "detection",
        "TruncatedAudio": "errors",
        "Window": "detection",
        "Windowing": "windowing",
    },
)


def __dir__() -> list[str]:
    return __all__
