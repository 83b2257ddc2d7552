"""Archives that are refused by their form."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from edge_detect import bundle
from edge_detect.bundle import write_bundle
from edge_detect.errors import BundleInvalid
from edge_detect.store import open_package
from tests.runtime.bundle.archives import Files, add, member, pack, refused

PLAIN = "which is not plain letters"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("../evil", PLAIN),
        ("tiny/../../evil", PLAIN),
        ("tiny/..", PLAIN),
        ("/tmp/evil", PLAIN),
        ("tiny/..\\evil", PLAIN),
        ("C:/evil", PLAIN),
        ("tiny/x:stream", PLAIN),
        ("tiny/.hidden", PLAIN),
        ("tiny/./x", PLAIN),
        ("tiny//x", PLAIN),
        ("tiny/x\n", PLAIN),
        ("tiny/x ", PLAIN),
        ("tiny/голос", PLAIN),
        ("tiny/" + "x" * 99, PLAIN),
        ("evil", "which is in no folder"),
        ("other/evil", "more than one folder: other, tiny"),
        ("tiny/README.MD", "twice"),
        ("tiny/manifest.json", "twice"),
        ("tiny/golden", "twice"),
        ("tiny/README.md/evil", "which is in a file"),
    ],
)
def test_names(files: Files, tmp_path: Path, root: Path, name: str, match: str) -> None:
    path = pack(tmp_path / "bad.tar.gz", files, member(name))
    refused(path, root, match)


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        b"Z",
    ],
)
def test_only_plain_files(files: Files, tmp_path: Path, root: Path, kind: bytes) -> None:
    path = pack(tmp_path / "bad.tar.gz", files, member("tiny/x", kind, link="/etc/passwd"))
    refused(path, root, "'tiny/x', which is no plain file")


def test_a_link_in_the_place_of_the_folder(files: Files, tmp_path: Path, root: Path) -> None:
    path = tmp_path / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member("tiny", tarfile.SYMTYPE, link=str(tmp_path)))
        for name, content in files.items():
            tar.addfile(member(name, size=len(content)), io.BytesIO(content))
    refused(path, root, "'tiny', which is no plain file")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("tiny/bomb", bundle.MAX_BYTES + 1),
        ("tiny/bomb", 10**15),
        ("tiny/bomb", -512),
        ("tiny/sub/manifest.json", bundle.MAX_TEXT_BYTES + 1),
    ],
)
def test_a_bomb_is_refused_by_its_header(
    files: Files, tmp_path: Path, root: Path, name: str, size: int
) -> None:
    head = member(name, size=size).tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(head + bytes(10_240)))
    refused(path, root, "more than a bundle may have")


def test_the_limits_hold_for_all_files_together(
    files: Files, archive: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = sum(map(len, files.values()))
    monkeypatch.setattr(bundle, "MAX_BYTES", total - 1)
    refused(archive, root, "more than a bundle may have")
    monkeypatch.setattr(bundle, "MAX_BYTES", total)
    monkeypatch.setattr(bundle, "MAX_FILES", len(files) - 1)
    refused(archive, root, f"more than {len(files) - 1} files")
    monkeypatch.setattr(bundle, "MAX_FILES", len(files))
    assert add(archive).folder == root / "tiny"


def test_a_package_above_the_limits_is_not_bundled(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MAX_BYTES", 1000)
    with pytest.raises(BundleInvalid, match="more than a bundle may have"):
        write_bundle(open_package(tiny), tmp_path / "big.tar.gz")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_archive(archive: Path, root: Path, share: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    refused(archive, root, "no whole .tar.gz")


@pytest.mark.parametrize("place_of_change", [0.3, 0.6, 0.9, 1.0])
def test_a_changed_bit(archive: Path, root: Path, place_of_change: float) -> None:
    content = bytearray(archive.read_bytes())
    content[int(place_of_change * (len(content) - 8))] ^= 16  # 8: at most, the checksum behind it
    archive.write_bytes(content)
    refused(archive, root, r"tiny\.tar\.gz")


@pytest.mark.parametrize(
    "content",
    [b"This is no archive.\n" * 1000, gzip.compress(b"no tar" * 1000), b"PK\x03\x04" + bytes(1000)],
    ids=["text", "gzip", "zip"],
)
def test_no_archive(tmp_path: Path, root: Path, content: bytes) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(content)
    refused(tmp_path / "bad.tar.gz", root, r"no whole \.tar\.gz \(.+\); copy it again")


def test_an_empty_archive(tmp_path: Path, root: Path) -> None:
    refused(pack(tmp_path / "empty.tar.gz", {}), root, "has no files")


@pytest.mark.parametrize("excess", [b"x", bytes(20_000)])
def test_something_behind_the_end(archive: Path, root: Path, excess: bytes) -> None:
    archive.write_bytes(gzip.compress(gzip.decompress(archive.read_bytes()) + excess))
    refused(archive, root, "something behind its last file")


def test_a_second_archive_behind_the_first(archive: Path, root: Path) -> None:
    archive.write_bytes(archive.read_bytes() * 2)
    refused(archive, root, "something behind its last file")
