"""Embeddings on disk: what was computed once is not computed again, after a kill neither."""

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge_train.errors import TrainError

Vector: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Embedding:
    """What an encoder makes of one clip."""

    vector: Vector
    """(hidden,)"""
    damaged: bool
    """Whether it rests on the readable part of a damaged file."""


class EmbeddingCache:
    """The embeddings of one encoder, each in a file named by the sha256 of the audio's content."""

    def __init__(self, folder: Path, hidden_size: int) -> None:
        """Make the encoder's folder; raises TrainError where that can't be done."""
        self._folder = folder
        self._hidden_size = hidden_size
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainError(f"can't write the cache {str(folder)!r}: {error.strerror}") from error

    def read(self, digest: str) -> Embedding | None:
        """What was stored for an audio file; None where nothing whole is there."""
        try:
            # Opened here: numpy leaves a file open that it finds broken.
            with self._path(digest).open("rb") as file, np.load(file) as arrays:
                embedding = Embedding(arrays["vector"], bool(arrays["damaged"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        expected = ((self._hidden_size,), np.dtype(np.float32))
        return embedding if (embedding.vector.shape, embedding.vector.dtype) == expected else None

    def write(self, digest: str, embedding: Embedding) -> None:
        """Store an embedding; under its name there is a whole file or none, whatever happens.

        Raises:
            TrainError: the file can't be written.
        """
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".tmp", delete=False) as file:
                np.savez(file, vector=embedding.vector, damaged=np.bool_(embedding.damaged))
            Path(file.name).replace(self._path(digest))
        except OSError as error:
            raise TrainError(f"can't write the cache {str(self._folder)!r}: {error}") from error

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.npz"
