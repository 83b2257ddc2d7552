"""The published system's three files, in a folder or on the hub: classifier, scaler, metadata."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.checkpoint import HUB_ID
from edge_export.errors import EncoderError, HeadError
from edge_export.fitted import make_head
from edge_export.heads import Head
from edge_export.hub import download
from edge_export.pickles import read_pickle

CLASSIFIER_FILE = "deepfake_audio_classifier.pkl"
SCALER_FILE = "audio_scaler.pkl"
METADATA_FILE = "model_metadata.json"


@dataclass(frozen=True)
class Published:
    """A published classifier and what its metadata says of it."""

    head: Head
    encoder: str | None
    """`feature_extractor` of the metadata: the encoder whose embeddings it was fitted on."""


def read_published(classifier: str | os.PathLike[str], revision: str | None = None) -> Published:
    """Read the three files from a folder, else from the hub repository `owner/name` at `revision`.

    The metadata is optional; its `class_labels` name the classes in order. The pickles are read
    without running anything in them.

    Raises:
        HeadError: a file is missing or broken, or asks for more than arrays and the models.
        HubError: the hub can't give the repository.
    """
    folder, origin = find_folder(classifier, revision)
    metadata = read_metadata(folder / METADATA_FILE)
    head = make_head(
        read_pickle(folder / SCALER_FILE),
        read_pickle(folder / CLASSIFIER_FILE),
        class_labels(metadata, folder / METADATA_FILE),
        origin,
    )
    encoder = metadata.get("feature_extractor")
    return Published(head, encoder if isinstance(encoder, str) else None)


def choose_encoder(encoder: str | None, published: Published) -> str:
    """The encoder that is asked for, else the one that the metadata names.

    Raises:
        EncoderError: neither is there.
    """
    chosen = encoder or published.encoder
    if chosen is None:
        raise EncoderError(
            f"{METADATA_FILE} names no 'feature_extractor'; give the encoder by --encoder"
        )
    return chosen


def read_head(folder: str | os.PathLike[str]) -> Head:
    """Read a fitted scaler and classifier, and the labels, from a folder of the three files.

    Raises:
        HeadError: a file is missing or broken, or asks for more than arrays and the models.
    """
    return read_published(folder).head


def find_folder(classifier: str | os.PathLike[str], revision: str | None) -> tuple[Path, str]:
    """The folder of the three files and what it is called."""
    folder, name = Path(classifier), os.fspath(classifier)
    if folder.is_dir():
        if revision is not None:
            raise HeadError(f"{name!r} is a folder and has no revision {revision!r}; drop it")
        return folder, folder.resolve().name
    if HUB_ID.fullmatch(name):
        files = (CLASSIFIER_FILE, SCALER_FILE)
        snapshot = download(name, revision, files, optional=(METADATA_FILE,))
        return snapshot.folder, f"{name} at {snapshot.commit}"
    raise HeadError(
        f"{name!r} is neither a folder nor a hub id (owner/name); give one with "
        f"{CLASSIFIER_FILE}, {SCALER_FILE} and {METADATA_FILE}"
    )


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata's object; empty where there is no file."""
    if not path.exists():
        return {}
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise HeadError(f"{str(path)!r} holds no JSON object ({error}); mend it") from error
    if not isinstance(metadata, dict):
        raise HeadError(f"{str(path)!r} holds no JSON object; mend it")
    return metadata


def class_labels(metadata: dict[str, Any], path: Path) -> tuple[str, ...] | None:
    """`class_labels` as they are; None where the metadata has none."""
    labels = metadata.get("class_labels")
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise HeadError(f"'class_labels' of {str(path)!r} is no list of names; mend it")
    return tuple(labels)
