"""Turns a trained Wav2Vec2 and its scikit-learn head into a model package of edge-detect.

Example::

    from edge_export import export_package

    export_package("wav2vec2-folder", scaler, classifier, out="my-model")
"""

from typing import TYPE_CHECKING

from edge_detect.lazy import lazy_names

if TYPE_CHECKING:
    from edge_export.errors import (
        DecisionError,
        EncoderError,
        ExportError,
        HeadError,
        ParityError,
    )
    from edge_export.package import export_head, export_package
    from edge_export.prepared import prepare_encoder
    from edge_export.published import read_head, read_published

__all__ = [
    "DecisionError",
    "EncoderError",
    "ExportError",
    "HeadError",
    "ParityError",
    "export_head",
    "export_package",
    "prepare_encoder",
    "read_head",
    "read_published",
]

__getattr__ = lazy_names(
    __name__,
    {
        "DecisionError": "errors",
        "EncoderError": "errors",
        "ExportError": "errors",
        "HeadError": "errors",
        "ParityError": "errors",
        "export_head": "package",
        "export_package": "package",
        "prepare_encoder": "prepared",
        "read_head": "published",
        "read_published": "published",
    },
)


def __dir__() -> list[str]:
    return __all__
