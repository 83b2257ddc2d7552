"""A model package as one archive for a machine without a network, and the check of such an archive.

A bundle is a .tar.gz of plain files in one folder, which has the model's name: what the manifest
names, the card, the licences, and CHECKSUMS, as `sha256sum --check` reads it, of every other file.
Whatever else an archive could hold is refused, before any of it is found by name.
"""

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from edge_detect.errors import BundleInvalid, ModelCorrupted
from edge_detect.manifest import MANIFEST_FILE
from edge_detect.records import InvalidRecord, require
from edge_detect.store import ModelPackage, file_sha256, open_package
from edge_detect.whole_file import check_folder, whole_or_nothing

CHECKSUMS_FILE = "CHECKSUMS"
CARD_FILE = "README.md"
PROJECT_LICENCE_FILE = "LICENSE-edge-detect"

# What licences are called by those who put them beside a model.
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)

# Far above any model: what is larger is there to fill a disk, or the memory that reads it.
MAX_BYTES = 4 * 1000**3  # of all files, unpacked
MAX_FILES = 1000
MAX_TEXT_BYTES = 16 * 1000**2  # of manifest.json and of CHECKSUMS, which are read as a whole
TEXT_FILES = {CHECKSUMS_FILE, MANIFEST_FILE}

# Neither sparse nor contiguous ones, which tarfile takes for regular files too.
PLAIN_FILE = (tarfile.REGTYPE, tarfile.AREGTYPE)

# A part of a path that means the same on every system; the whole fits a tar header's name field.
PATH_PART = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9 ._+-]*[A-Za-z0-9_+-])?")
MAX_PATH_LENGTH = 100

CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")

BLOCK_BYTES = 1 << 20

MAKE_AGAIN = "copy it again, or make it anew by `edge-detect bundle`"


def write_bundle(package: ModelPackage, path: Path) -> str:
    """Write a model package as one archive; gives the archive's sha256 in hex.

    The same package gives the same bytes wherever zlib compresses alike: names are sorted, and
    there are neither times nor owners.

    Raises:
        ModelCorrupted: a file of the package is missing, unreadable or not the one exported.
        BundleInvalid: a file's or the model's name, or the size, is none that a bundle can have.
        OutputError: the archive can't be written; nothing of it is left then.
    """
    check_folder(path)
    package.verify_all()
    folder = package.manifest.name
    try:
        contents = bundled(package)
    except OSError as error:
        raise ModelCorrupted(
            f"can't read {str(error.filename)!r}: {error.strerror}; check its permissions"
        ) from error
    with invalid_bundle(f"the model {folder!r}", "export it again under plain names"):
        require("/" not in folder, "a name of more than one folder")
        inventory = Inventory()
        for name, content in contents.items():
            inventory.admit(header(f"{folder}/{name}", content))
    with whole_or_nothing(path) as part:
        with part.open("wb") as file:
            write_archive(file, {f"{folder}/{name}": contents[name] for name in sorted(contents)})
        return file_sha256(part)


def bundled(package: ModelPackage) -> dict[str, Path | bytes]:
    """What goes into a bundle, by its name in the package's folder: a file there, or new bytes."""
    contents: dict[str, Path | bytes] = {}
    if licence := project_licence():
        contents[PROJECT_LICENCE_FILE] = licence
    for file in package.folder.iterdir():
        if file.is_file() and (file.name == CARD_FILE or LICENCE_FILE.match(file.name)):
            contents[file.name] = file
    for name in (MANIFEST_FILE, *package.files):
        contents[name] = package.folder / name
    lines = [f"{content_sha256(contents[name])}  {name}\n" for name in sorted(contents)]
    return {**contents, CHECKSUMS_FILE: "".join(lines).encode()}


def project_licence() -> bytes | None:
    """The licence that edge-detect was installed with; None where it only lies in a folder."""
    try:
        text = metadata.distribution("edge-detect").read_text("licenses/LICENSE")
    except metadata.PackageNotFoundError:
        return None
    return text.encode() if text else None


def content_sha256(content: Path | bytes) -> str:
    """Hex digest of what is to be bundled."""
    return (
        hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_sha256(content)
    )


def header(name: str, content: Path | bytes) -> tarfile.TarInfo:
    """A member that says nothing of where and when it was made."""
    info = tarfile.TarInfo(name)
    info.size = len(content) if isinstance(content, bytes) else content.stat().st_size
    return info


def write_archive(file: BinaryIO, contents: dict[str, Path | bytes]) -> None:
    """Write a .tar.gz of files, by their whole names, in their order."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in contents.items():
            with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as data:
                archive.addfile(header(name, content), data)


def unpack(archive: BinaryIO, source: str, folder: Path) -> ModelPackage:
    """Unpack a bundle into an empty folder, and check everything about it.

    Raises:
        BundleInvalid: the archive is damaged or holds anything but what a bundle does; `source`
            is its name in the message. Files may be left in the folder then, never outside.
        InvalidManifest: the manifest can't be used.
        OSError: a file can't be written.
    """
    with invalid_bundle(repr(source), MAKE_AGAIN):
        digests: dict[PurePosixPath, str] = {}
        with gzip.GzipFile(fileobj=archive) as stream:
            for path, content in members(stream):
                digests[path] = write_member(folder / path, content)
        require(bool(digests), "no files")
        model = next(iter(digests)).parts[0]
        files = {str(path.relative_to(model)): digest for path, digest in digests.items()}
        check_checksums(folder / model / CHECKSUMS_FILE, files)
        require(MANIFEST_FILE in files, f"no {MANIFEST_FILE!r}")
    package = open_package(folder / model)
    with invalid_bundle(repr(source), MAKE_AGAIN):
        check_manifest(package, files)
    return package


@contextmanager
def invalid_bundle(subject: str, remedy: str) -> Iterator[None]:
    """Say of what is wrong with an archive whose it is, and the remedy."""
    try:
        yield
    except InvalidRecord as error:
        raise BundleInvalid(f"{subject} {error}; {remedy}") from error
    except (gzip.BadGzipFile, zlib.error, tarfile.TarError, EOFError) as error:
        raise BundleInvalid(f"{subject} is no whole .tar.gz ({error}); {remedy}") from error


def members(stream: gzip.GzipFile) -> Iterator[tuple[PurePosixPath, Iterator[bytes]]]:
    """Path and content of each member; a content is read before the next member is asked for.

    The headers are read one by one, because tarfile's own iteration takes a member that is a name
    of another one (GNU, pax) into memory whatever its size.
    """
    inventory = Inventory()
    while any(block := read_exactly(stream, tarfile.BLOCKSIZE)):
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        yield inventory.admit(info), read_content(stream, info.size)
        read_exactly(stream, -info.size % tarfile.BLOCKSIZE)
    padding = stream.read(tarfile.RECORDSIZE + 1)
    require(
        len(padding) <= tarfile.RECORDSIZE and not any(padding), "something behind its last file"
    )


def read_content(stream: gzip.GzipFile, size: int) -> Iterator[bytes]:
    """The next bytes, block by block."""
    for start in range(0, size, BLOCK_BYTES):
        yield read_exactly(stream, min(BLOCK_BYTES, size - start))


def read_exactly(stream: gzip.GzipFile, size: int) -> bytes:
    """The next bytes, all of them."""
    block = stream.read(size)
    if len(block) < size:
        raise EOFError("it ends too early")
    return block


class Inventory:
    """What an archive has held so far, which decides what may come next."""

    def __init__(self) -> None:
        self.bytes = 0
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def admit(self, info: tarfile.TarInfo) -> PurePosixPath:
        """The path of a member that a bundle may have after what came before it.

        Raises:
            InvalidRecord: it may not.
        """
        require(info.type in PLAIN_FILE, f"{info.name!r:.80}, which is no plain file")
        path = portable_path(info.name)
        self.count(info.size, path)
        # Systems that take A for a must not put one file over another.
        name = str(path).casefold()
        folders = {str(parent).casefold() for parent in path.parents[:-1]}
        require(len(folders) > 0, f"{info.name!r}, which is in no folder")
        require(name not in self.files | self.folders, f"{info.name!r} twice")
        require(not folders & self.files, f"{info.name!r}, which is in a file")
        self.files.add(name)
        self.folders |= folders
        roots = {folder for folder in self.folders if "/" not in folder}
        require(len(roots) == 1, f"more than one folder: {', '.join(sorted(roots))}")
        return path

    def count(self, size: int, path: PurePosixPath) -> None:
        """Keep the limits, before anything of the member is read."""
        self.bytes += size
        text = path.parts[-1] in TEXT_FILES
        require(
            0 <= size <= (MAX_TEXT_BYTES if text else MAX_BYTES) and self.bytes <= MAX_BYTES,
            f"{str(path)!r} of {size:,} bytes, more than a bundle may have "
            f"({MAX_TEXT_BYTES if text else MAX_BYTES:,}{'' if text else ' in all'})",
        )
        require(len(self.files) < MAX_FILES, f"more than {MAX_FILES} files")


def portable_path(name: str) -> PurePosixPath:
    """A relative path below a folder, spelt in its one way, that every system takes alike.

    Raises:
        InvalidRecord: `name` is none: absolute, with `..`, a drive, a hidden or an odd name.
    """
    require(
        len(name) <= MAX_PATH_LENGTH and all(PATH_PART.fullmatch(part) for part in name.split("/")),
        f"the file name {name!r:.120}, which is not plain letters, digits and . _ - + in folders, "
        f"at most {MAX_PATH_LENGTH} characters",
    )
    return PurePosixPath(name)


def write_member(path: Path, content: Iterator[bytes]) -> str:
    """Write a file that is not there yet; gives its sha256 in hex."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for block in content:
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def check_checksums(path: Path, files: dict[str, str]) -> None:
    """Compare what came, name to sha256, with CHECKSUMS; raises InvalidRecord."""
    require(CHECKSUMS_FILE in files, f"no {CHECKSUMS_FILE!r}")
    came = {name: sha256 for name, sha256 in files.items() if name != CHECKSUMS_FILE}
    listed = read_checksums(path)
    for name in sorted(came.keys() - listed.keys()):
        raise InvalidRecord(f"holds {name!r}, which its {CHECKSUMS_FILE} doesn't list")
    for name in sorted(listed.keys() - came.keys()):
        raise InvalidRecord(f"lacks {name!r}, which its {CHECKSUMS_FILE} lists")
    for name, sha256 in came.items():
        require(listed[name] == sha256, f"another {name!r} than its {CHECKSUMS_FILE} says")


def read_checksums(path: Path) -> dict[str, str]:
    """Name to sha256 of CHECKSUMS; raises InvalidRecord."""
    listed: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        match = CHECKSUM_LINE.fullmatch(line)
        if match is None or match[2] in listed:
            raise InvalidRecord(f"has {line!r:.80} in its {CHECKSUMS_FILE}")
        listed[match[2]] = match[1]
    return listed


def check_manifest(package: ModelPackage, files: dict[str, str]) -> None:
    """Compare what came, name to sha256, with the manifest; raises InvalidRecord."""
    model = package.folder.name
    require(
        package.manifest.name == model,
        f"the folder {model!r} for the model {package.manifest.name!r}",
    )
    for name, sha256 in package.files.items():
        require(name in files, f"no {name!r}, which its manifest names")
        require(files[name] == sha256, f"another {name!r} than its manifest says")
