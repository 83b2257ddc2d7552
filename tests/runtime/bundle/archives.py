"""Archives as they should be and as they should not, and what placing them does."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from edge_detect.bundle import CHECKSUMS_FILE
from edge_detect.errors import BundleInvalid
from edge_detect.placement import Placement, opened_archive, place

Files = dict[str, bytes]


def read_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """A plain file's content."""
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


def pack(
    path: Path, files: Files, *extra: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT
) -> Path:
    """An archive of files, then of members without content, such as links."""
    with tarfile.open(path, "w:gz", format=form) as tar:
        for name, content in files.items():
            tar.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info in extra:
            tar.addfile(info)
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = ""
) -> tarfile.TarInfo:
    """A header."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def with_checksums(files: Files) -> Files:
    """The files with a CHECKSUMS that is right."""
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name.partition('/')[2]}\n"
        for name, content in files.items()
        if not name.endswith(CHECKSUMS_FILE)
    ]
    return {**files, f"tiny/{CHECKSUMS_FILE}": "".join(lines).encode()}


def add(path: Path, sha256: str | None = None) -> Placement:
    """What `models add` does."""
    with opened_archive(path) as file:
        return place(file, path.name, sha256)


def refused(path: Path, root: Path, match: str, error: type[Exception] = BundleInvalid) -> None:
    """The archive is refused, in one line, and nothing of it is left anywhere."""
    around = {file for file in path.parent.rglob("*") if root not in (file, *file.parents)}
    with pytest.raises(error, match=match) as raised:
        add(path)
    assert "\n" not in str(raised.value)
    assert [*root.rglob("*")] == []
    left = {file for file in path.parent.rglob("*") if root not in (file, *file.parents)}
    assert left - around <= {*root.parents}
