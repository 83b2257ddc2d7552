"""What a bundle holds, and what is not bundled."""

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from edge_detect import bundle
from edge_detect.bundle import write_bundle
from edge_detect.errors import BundleInvalid, ModelCorrupted, OutputError, PlacementError
from edge_detect.store import open_package
from tests.runtime.bundle.archives import Files, add, refused


def test_what_a_bundle_holds(tiny: Path, archive: Path, files: Files) -> None:
    for name in (
        "manifest.json",
        "encoder.onnx",
        "classifier.onnx",
        "golden/clip_0.flac",
        "README.md",
    ):
        assert files[f"tiny/{name}"] == (tiny / name).read_bytes()
    assert b"MIT License" in files["tiny/LICENSE-edge-detect"]
    listed = dict(line.split("  ")[::-1] for line in files["tiny/CHECKSUMS"].decode().splitlines())
    assert listed == {
        name.removeprefix("tiny/"): hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name != "tiny/CHECKSUMS"
    }
    assert [*files] == sorted(files)


def test_a_bundle_says_nothing_of_where_it_was_made(archive: Path) -> None:
    assert archive.read_bytes()[3:8] == bytes(5)  # neither a name nor a time: RFC 1952
    with tarfile.open(archive) as tar:
        for info in tar:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
            assert (info.mode, info.isreg()) == (0o644, True)


def test_the_same_package_gives_the_same_bytes(tiny: Path, archive: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "elsewhere" / "copy", copy_function=shutil.copy))
    (copy / "encoder.onnx").chmod(0o700)
    os.utime(copy / "manifest.json", (1, 1))
    (copy / "notes.txt").write_text("not the model's")
    again = tmp_path / "again.tgz"
    digest = write_bundle(open_package(copy), again)
    assert again.read_bytes() == archive.read_bytes()
    assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()


def test_the_models_own_licences_go_with_it(tiny: Path, tmp_path: Path, root: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (copy / "LICENCE.txt").write_text("Do what you like.")
    write_bundle(open_package(copy), tmp_path / "copy.tar.gz")
    assert (add(tmp_path / "copy.tar.gz").folder / "LICENCE.txt").read_text() == "Do what you like."


@pytest.mark.parametrize("file", ["encoder.onnx", "golden/clip_0.flac"])
def test_a_damaged_package_is_not_bundled(tiny: Path, tmp_path: Path, file: str) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    (copy / file).write_bytes((copy / file).read_bytes()[:-1])
    with pytest.raises(ModelCorrupted, match="sha256"):
        write_bundle(open_package(copy), tmp_path / "copy.tar.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


@pytest.mark.parametrize("name", ["../up", "two/parts", ".hidden", "модель", "", "x" * 100])
def test_a_name_that_is_no_folder_everywhere(tiny: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "name": name}))
    with pytest.raises(BundleInvalid, match="export it again"):
        write_bundle(open_package(copy), tmp_path / "copy.tar.gz")


def test_a_disk_that_fills_up(
    tiny: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    before = archive.read_bytes()
    monkeypatch.setattr(bundle, "write_archive", full)
    with pytest.raises(OutputError, match="No space left on device; free space"):
        write_bundle(open_package(tiny), archive)
    assert (archive.read_bytes(), [*archive.parent.iterdir()]) == (before, [archive])
    monkeypatch.setattr(bundle, "write_member", full)
    refused(archive, root, "No space left on device; free space", PlacementError)
