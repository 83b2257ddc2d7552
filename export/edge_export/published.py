"""The published system's three files: classifier, scaler and metadata.

The pickles are read without running what they say: only the names below are resolved.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from sklearn.exceptions import InconsistentVersionWarning

from edge_export.classifier import Head, make_head
from edge_export.errors import HeadError

CLASSIFIER_FILE = "deepfake_audio_classifier.pkl"
SCALER_FILE = "audio_scaler.pkl"
METADATA_FILE = "model_metadata.json"

# What a fitted scaler and logistic regression hold; numpy 2 moved numpy.core to numpy._core.
ALLOWED = {
    ("sklearn.preprocessing._data", "StandardScaler"),
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),  # arrays in pickle protocol 5
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),  # bytes in pickle protocols below 3
}


def read_head(folder: str | os.PathLike[str]) -> Head:
    """Read a fitted scaler and classifier, and the labels, from a folder of the three files.

    The metadata is optional; its `class_labels` name the classes in order.

    Raises:
        HeadError: a file is missing, asks for more than arrays and the two models, or was written
            by another scikit-learn, whose probabilities this one might change silently.
    """
    root = Path(folder)
    if not root.is_dir():
        raise HeadError(
            f"no folder {str(root)!r}; give one with {CLASSIFIER_FILE}, {SCALER_FILE} and "
            f"{METADATA_FILE}"
        )
    return make_head(
        read_pickle(root / SCALER_FILE),
        read_pickle(root / CLASSIFIER_FILE),
        read_labels(root / METADATA_FILE),
        origin=root.resolve().name,
    )


def read_labels(path: Path) -> tuple[str, ...] | None:
    """`class_labels` of the metadata, as they are; None where the file or the key is not there."""
    if not path.exists():
        return None
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        labels = metadata.get("class_labels")
    except (OSError, ValueError, AttributeError) as error:
        raise HeadError(f"{str(path)!r} holds no JSON object ({error}); mend it") from error
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise HeadError(f"'class_labels' of {str(path)!r} is no list of names; mend it")
    return tuple(labels)


def read_pickle(path: Path) -> Any:
    """The one object of a plain or uncompressed joblib pickle."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return AllowListUnpickler(str(path), file, ensure_native_byte_order=True).load()
    except InconsistentVersionWarning as difference:
        raise HeadError(
            f"{str(path)!r} was written by scikit-learn {difference.original_sklearn_version}, "
            f"this is {difference.current_sklearn_version}; install the version that wrote it"
        ) from difference
    except HeadError:
        raise
    except OSError as error:
        raise HeadError(f"can't read {str(path)!r}: {error.strerror}") from error
    except Exception as error:  # a broken pickle can make its reader raise anything
        raise HeadError(
            f"{str(path)!r} is no plain or uncompressed joblib pickle ({error}); save it again"
        ) from error


class PlainArray(NumpyArrayWrapper):  # type: ignore[misc]
    """joblib's array record without the kind that would unpickle its elements unchecked."""

    def read_array(self, unpickler: Any, ensure_native_byte_order: bool) -> Any:
        """Read the array's numbers from the file behind the record."""
        if self.dtype.hasobject:
            raise HeadError("an array of Python objects is refused; save arrays of numbers or text")
        return super().read_array(unpickler, ensure_native_byte_order)


class AllowListUnpickler(NumpyUnpickler):  # type: ignore[misc]
    """Resolves the names of `ALLOWED` and refuses every other by its name."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function behind a name in the pickle."""
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return PlainArray
        if (module, name) not in ALLOWED:
            raise HeadError(
                f"the pickle asks for {module}.{name}, which is neither an array, a "
                "StandardScaler nor a LogisticRegression; it was not read"
            )
        return super().find_class(module, name)
