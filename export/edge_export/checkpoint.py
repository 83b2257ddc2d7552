"""A Wav2Vec2 checkpoint on disk: a local Hugging Face folder, or one fetched from the hub."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge_export.errors import EncoderError

CONFIG_FILE = "config.json"
WEIGHTS = "*.safetensors"

# Weights as pickles (*.bin) are never asked for: reading one runs code.
HUB_FILES = [CONFIG_FILE, "preprocessor_config.json", WEIGHTS, "model.safetensors.index.json"]

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


@dataclass(frozen=True)
class Checkpoint:
    """A folder with config.json and safetensors weights."""

    folder: Path
    origin: str
    """Hub id, or the folder's name."""
    revision: str | None
    """Commit of the hub repository, None for a local folder."""

    @property
    def sha256(self) -> str:
        """Hex digest of the weights files, in the order of their names."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.glob(WEIGHTS)):
            digest.update(path.read_bytes())
        return digest.hexdigest()


def open_checkpoint(encoder: str | os.PathLike[str], revision: str | None = None) -> Checkpoint:
    """Find a checkpoint: an existing folder, else a hub id `owner/name` at `revision`.

    Raises:
        EncoderError: neither of them, the hub can't give it, or files are missing.
    """
    folder, name = Path(encoder), os.fspath(encoder)
    if folder.is_dir():
        if revision is not None:
            raise EncoderError(f"{name!r} is a folder and has no revision {revision!r}; drop it")
        checkpoint = Checkpoint(folder, folder.resolve().name, None)
    elif HUB_ID.fullmatch(name):
        checkpoint = download(name, revision)
    else:
        raise EncoderError(f"{name!r} is neither a folder nor a hub id (owner/name); check it")
    for pattern in (CONFIG_FILE, WEIGHTS):
        if not any(checkpoint.folder.glob(pattern)):
            raise EncoderError(
                f"{name!r} has no {pattern}; save it by model.save_pretrained(folder)"
            )
    return checkpoint


def download(repository: str, revision: str | None) -> Checkpoint:
    """Fetch a hub repository into the hub's own cache, or take it from there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EncoderError(
            f"the hub did not give {repository!r} at revision {revision or 'main'!r} ({reason}); "
            "check the name and the network, or give a local folder"
        ) from error
    return Checkpoint(folder, repository, folder.name)  # a snapshot's folder is its commit
