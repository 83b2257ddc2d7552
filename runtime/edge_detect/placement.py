"""Model packages come to where they are found by name, whole or not at all, and go again."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge_detect.bundle import CHECKSUMS_FILE, unpack
from edge_detect.errors import BundleInvalid, ModelNotFound, PlacementError
from edge_detect.fetching import is_url
from edge_detect.store import (
    DATA_VARIABLE,
    MODELS_VARIABLE,
    configured_roots,
    installed_packages,
    shipped_root,
    stream_sha256,
    user_root,
)


@dataclass(frozen=True)
class Placement:
    """A model that was placed."""

    folder: Path
    """Where; its name is the model's."""
    archive_sha256: str
    """Hex digest of the archive that it came in."""
    hidden: Path | None
    """The folder that had the name until now, and isn't found by it any more; None if none had."""


@contextmanager
def opened_archive(path: Path) -> Iterator[BinaryIO]:
    """An archive on this machine, to read.

    Raises:
        BundleInvalid: there is none, or it can't be read.
    """
    if is_url(os.fspath(path)):
        raise BundleInvalid(f"{str(path)!r} is an address; use `edge-detect models pull`")
    if not path.is_file():
        raise BundleInvalid(f"no file {str(path)!r}; check the path")
    try:
        file = path.open("rb")
    except OSError as error:
        raise BundleInvalid(
            f"can't read {str(path)!r}: {error.strerror}; check its permissions"
        ) from error
    with file:
        yield file


def place(archive: BinaryIO, source: str, sha256: str | None = None) -> Placement:
    """Check a bundle, then place its model where models are found by name.

    Args:
        archive: the bundle, seekable, at its beginning.
        source: its name in messages.
        sha256: hex digest that the archive must have; None where any will do.

    Raises:
        BundleInvalid: the archive is another one, damaged, or no bundle.
        InvalidManifest: its manifest can't be used.
        PlacementError: a model of that name was placed before, or the system refuses.
    """
    digest = stream_sha256(archive)
    if sha256 not in (None, digest):
        raise BundleInvalid(
            f"{source!r} has sha256 {digest}, not {sha256}; get it again, or ask who gave you "
            "either of them"
        )
    archive.seek(0)
    root = placing_root()
    known = installed_packages()
    with unplaceable(root), tempfile.TemporaryDirectory(dir=made(root), prefix=".add.") as scratch:
        package = unpack(archive, source, Path(scratch))
        name = package.folder.name
        folder = root / name
        check_absent(folder)
        package.folder.rename(folder)
    return Placement(folder, digest, known.get(name))


def placing_root() -> Path:
    """The folder that a model is placed in: the first one that is searched.

    Raises:
        PlacementError: this user has none.
    """
    roots = [*configured_roots(), user_root()]
    if roots[0] is None:
        raise PlacementError(
            f"no home folder to place a model in; set {MODELS_VARIABLE} or {DATA_VARIABLE}"
        )
    return roots[0]


def made(root: Path) -> Path:
    """The folder, made where it wasn't there."""
    root.mkdir(parents=True, exist_ok=True)
    return root


def check_absent(folder: Path) -> None:
    """Refuse to place a model over what is there; raises PlacementError."""
    if os.path.lexists(folder):
        raise PlacementError(
            f"{str(folder)!r} is there already; remove it first: "
            f"`edge-detect models remove {folder.name}`"
        )


def remove(name: str) -> Path:
    """Remove a model that `place` placed; gives the folder that it had.

    Raises:
        ModelNotFound: no model has that name.
        PlacementError: it came with edge-detect, or somebody else put it there; or the system
            refuses.
    """
    packages = installed_packages()
    if name not in packages:
        raise ModelNotFound(f"no model {name!r}; there are {', '.join(sorted(packages)) or 'none'}")
    folder = packages[name]
    check_placed(folder)
    # Out of sight by one step; what an interruption leaves of it is no model.
    with (
        unplaceable(folder.parent),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".remove.") as scratch,
    ):
        folder.rename(Path(scratch, name))
    return folder


def check_placed(folder: Path) -> None:
    """Refuse to remove what no command of ours put there; raises PlacementError."""
    if folder.parent == shipped_root():
        raise PlacementError(
            f"the model {folder.name!r} came with edge-detect; uninstall edge-detect to remove it"
        )
    if not (folder / CHECKSUMS_FILE).is_file():
        raise PlacementError(
            f"{str(folder)!r} was not placed by `models add` or `models pull`; "
            "remove the folder yourself"
        )


@contextmanager
def unplaceable(root: Path) -> Iterator[None]:
    """Say of what the system refuses where that was."""
    try:
        yield
    except OSError as error:
        raise PlacementError(
            f"can't change {str(root)!r}: {error.strerror}; free space, or name another folder "
            f"in {MODELS_VARIABLE}"
        ) from error
