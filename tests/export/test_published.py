"""The published system's files are read, and nothing in them is run."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from edge_export import HeadError, read_head
from edge_export.published import read_pickle
from tests.export.conftest import Exported, plain_pickle, save_published

DUMPS: dict[str, Callable[[Any, Path], Any]] = {
    "joblib": joblib.dump,
    **{
        f"pickle {protocol}": lambda model, path, protocol=protocol: plain_pickle(
            model, path, protocol
        )
        for protocol in range(2, 6)
    },
}


@pytest.mark.parametrize("dump", DUMPS.values(), ids=DUMPS)
def test_round_trip(small: Exported, tmp_path: Path, dump: Callable[[Any, Path], Any]) -> None:
    head = read_head(save_published(tmp_path / "published", small.head, dump))
    assert head.labels == small.head.labels
    assert head.origin == "published"
    features = np.random.default_rng(0).standard_normal((9, 48))
    np.testing.assert_array_equal(
        head.classifier.predict_proba(head.scaler.transform(features)),
        small.head.classifier.predict_proba(small.head.scaler.transform(features)),
    )


@pytest.mark.parametrize("content", [None, "{}", '{"model": "x"}'])
def test_without_labels_the_classes_name_themselves(
    small: Exported, tmp_path: Path, content: str | None
) -> None:
    folder = save_published(tmp_path / "published", small.head, plain_pickle)
    metadata = folder / "model_metadata.json"
    if content is None:
        metadata.unlink()
    else:
        metadata.write_text(content)
    assert read_head(folder).labels == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize("content", ["{", "[]", '{"class_labels": "a"}', '{"class_labels": [1]}'])
def test_broken_metadata(small: Exported, tmp_path: Path, content: str) -> None:
    folder = save_published(tmp_path / "published", small.head, plain_pickle)
    (folder / "model_metadata.json").write_text(content)
    with pytest.raises(HeadError, match=r"model_metadata\.json"):
        read_head(folder)


class Run:
    """Pickles into a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("name", ["system", "eval", "object array", "scalar"])
def test_nothing_is_run(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    touch = f"open({str(canary)!r}, 'w')"
    path = tmp_path / "model.pkl"
    if name == "system":
        plain_pickle(Run(os.system, f"touch {canary}"), path)
    elif name == "eval":
        joblib.dump({"a": Run(eval, touch)}, path)
    elif name == "object array":
        joblib.dump(np.array([Run(eval, touch), None], dtype=object), path)
    else:
        payload = pickle.dumps(Run(eval, touch))
        plain_pickle(Run(np._core.multiarray.scalar, np.dtype("O"), payload), path)
    with pytest.raises(HeadError, match=r"asks for|refused|no plain"):
        read_pickle(path)
    assert not canary.exists()


@pytest.mark.parametrize("content", [b"", b"\x80", b"text", b"\x80\x04]", b"\x1f\x8b\x08\x00"])
def test_no_pickle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(HeadError, match="no plain or uncompressed"):
        read_pickle(tmp_path / "model.pkl")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(HeadError, match=r"audio_scaler\.pkl"):
        read_head(tmp_path)


def test_another_scikit_learn(small: Exported, tmp_path: Path) -> None:
    """Newer versions read older pickles and change their probabilities silently."""
    path = tmp_path / "model.pkl"
    plain_pickle(small.head.classifier, path, protocol=2)
    version = sklearn.__version__.encode()
    older = b"1.3.0"[: len(version)].ljust(len(version), b"0")
    path.write_bytes(path.read_bytes().replace(version, older))
    with pytest.raises(HeadError, match=r"written by scikit-learn 1\.3"):
        read_pickle(path)


def test_another_model(tmp_path: Path) -> None:
    from sklearn.svm import SVC

    features = np.random.default_rng(0).standard_normal((10, 3))
    plain_pickle(SVC().fit(features, np.arange(10) % 2), tmp_path / "model.pkl")
    with pytest.raises(HeadError, match=r"sklearn\.svm\._classes\.SVC"):
        read_pickle(tmp_path / "model.pkl")


def test_metadata_file_is_utf8(small: Exported, tmp_path: Path) -> None:
    folder = save_published(tmp_path / "published", small.head, plain_pickle)
    labels = ["настоящий", "b", "c", "d", "e"]
    (folder / "model_metadata.json").write_text(
        json.dumps({"class_labels": labels}, ensure_ascii=False), encoding="utf-8"
    )
    head = read_head(folder)
    assert head.labels == tuple(labels)
    assert isinstance(head.classifier, LogisticRegression)
