"""Where model packages are found, and the check that their files are the ones exported."""

import hashlib
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge_detect.errors import ModelCorrupted, ModelNotFound, PrecisionUnavailable
from edge_detect.manifest import MANIFEST_FILE, Graph, Manifest, read_manifest

DEFAULT_MODEL = "compact"

# Folders of model packages, separated as in PATH; searched before the user's and the shipped ones.
MODELS_VARIABLE = "EDGE_DETECT_MODELS"

# The base of the user's own models, whatever the system (XDG base directories).
DATA_VARIABLE = "XDG_DATA_HOME"


@dataclass(frozen=True)
class ModelPackage:
    """A folder with a manifest and the graphs that it names."""

    folder: Path
    manifest: Manifest
    sha256: str
    """Hex digest of manifest.json: it covers every other file, so it identifies the model."""

    @property
    def files(self) -> dict[str, str]:
        """Every file that the manifest names, relative to the folder, with its sha256."""
        graphs = (*self.manifest.encoders, self.manifest.classifier)
        files = {file: sha256 for graph in graphs for file, sha256 in graph.files.items()}
        files |= {clip.file: clip.sha256 for clip in self.manifest.golden}
        recorded = (graph.recorded for graph in graphs)
        return files | {own.file: own.sha256 for own in recorded if own}

    def verified(self, graph: Graph) -> Path:
        """Path of a graph whose files' content is what the manifest says.

        Raises:
            ModelCorrupted: a file is missing or its sha256 differs.
        """
        for file, sha256 in graph.files.items():
            self.verify_file(file, sha256)
        return self.folder / graph.file

    def verify_all(self) -> tuple[str, ...]:
        """Check every file that the manifest names, golden clips too; gives their names.

        Raises:
            ModelCorrupted: a file is missing or its sha256 differs.
        """
        for file, sha256 in self.files.items():
            self.verify_file(file, sha256)
        return tuple(self.files)

    def verify_file(self, file: str, sha256: str) -> None:
        """Check that a file's content is what the manifest says.

        Raises:
            ModelCorrupted: the file is missing or its sha256 differs.
        """
        path = self.folder / file
        try:
            digest = file_sha256(path)
        except OSError as error:
            raise ModelCorrupted(
                f"the model {self.manifest.name!r} has no readable {file!r} "
                f"({error.strerror}); install or export it again"
            ) from error
        if digest != sha256:
            raise ModelCorrupted(
                f"{str(path)!r} has sha256 {digest[:12]}…, its manifest says "
                f"{sha256[:12]}…; install or export the model again"
            )

    def encoder(self, precision: str) -> Graph:
        """The encoder graph of a precision.

        Raises:
            PrecisionUnavailable: the package has none of that precision.
        """
        encoders = {graph.precision: graph for graph in self.manifest.encoders}
        if precision not in encoders:
            raise PrecisionUnavailable(
                f"the model {self.manifest.name!r} has no precision {precision!r}; "
                f"it has {', '.join(encoders)}"
            )
        return encoders[precision]


def open_package(name_or_path: str | os.PathLike[str]) -> ModelPackage:
    """Open a model package by its name, or by the path of its folder.

    A name is looked up in the folders of `EDGE_DETECT_MODELS`, then among the user's own models and
    the shipped ones; only what is no known name is taken as a path.

    Raises:
        ModelNotFound: neither a known name nor a folder with a manifest.
        InvalidManifest: the manifest can't be used.
    """
    folder = installed_packages().get(os.fspath(name_or_path)) or Path(name_or_path)
    try:
        found = (folder / MANIFEST_FILE).is_file()
    except PermissionError as error:
        raise ModelNotFound(
            f"can't look into {str(folder)!r}: {error.strerror}; change its rights"
        ) from error
    if not found:
        raise ModelNotFound(
            f"no model {os.fspath(name_or_path)!r}: it is neither a folder with a {MANIFEST_FILE} "
            f"nor one of {', '.join(sorted(installed_packages())) or 'the installed (none)'}; "
            f"give another, or set {MODELS_VARIABLE}"
        )
    return ModelPackage(folder, read_manifest(folder), file_sha256(folder / MANIFEST_FILE))


def installed_packages() -> dict[str, Path]:
    """Name to folder of every model package that can be loaded by name."""
    packages: dict[str, Path] = {}
    for root in model_roots():
        with suppress(PermissionError):  # the home of another user, as a service may have it
            for manifest in sorted(root.glob(f"*/{MANIFEST_FILE}")):
                packages.setdefault(manifest.parent.name, manifest.parent)
    return packages


def model_roots() -> list[Path]:
    """Folders that hold model packages, in the order of search."""
    own = user_root()
    return [*configured_roots(), *([own] if own else []), shipped_root()]


def configured_roots() -> list[Path]:
    """The folders of `EDGE_DETECT_MODELS`."""
    configured = os.environ.get(MODELS_VARIABLE, "")
    return [Path(root) for root in configured.split(os.pathsep) if root]


def user_root() -> Path | None:
    """Where this user's own models stand, there yet or not; None where the user has no home."""
    configured = Path(os.environ.get(DATA_VARIABLE, ""))
    # The XDG specification has relative paths ignored: they would change with the working folder.
    base = configured if configured.is_absolute() else Path(data_home())
    try:
        return base.expanduser() / "edge-detect" / "models"
    except RuntimeError:
        return None


def data_home() -> str:
    """Where the system wants a user's data."""
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    if sys.platform == "darwin":
        return "~/Library/Application Support"
    return "~/.local/share"


def shipped_root() -> Path:
    """The models that came with this package: inside the wheel, or the checkout's."""
    package = Path(__file__).parent
    in_checkout = package.parent.name == "runtime"
    return package.parents[1] / "models" if in_checkout else package / "models"


def file_sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return stream_sha256(file)


def stream_sha256(stream: BinaryIO) -> str:
    """Hex digest of what is left to read."""
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
