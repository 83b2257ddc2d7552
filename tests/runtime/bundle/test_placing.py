"""What is placed, where, and how it goes again."""

import os
import shutil
from pathlib import Path

import pytest

from edge_detect import placement
from edge_detect.bundle import write_bundle
from edge_detect.errors import BundleInvalid, ModelNotFound, PlacementError
from edge_detect.placement import Placement, remove
from edge_detect.store import (
    MODELS_VARIABLE,
    file_sha256,
    installed_packages,
    open_package,
    shipped_root,
)
from tests.runtime.bundle.archives import add


def test_a_bundle_is_placed_and_found(tiny: Path, archive: Path, root: Path) -> None:
    assert add(archive) == Placement(root / "tiny", file_sha256(archive), None)
    package = open_package("tiny")
    assert package.folder == root / "tiny"
    assert package.sha256 == open_package(tiny).sha256
    package.verify_all()
    assert [*root.iterdir()] == [root / "tiny"]
    again = archive.with_name("again.tar.gz")
    write_bundle(package, again)
    assert again.read_bytes() == archive.read_bytes()


def test_the_first_configured_folder_comes_first(
    archive: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(archive)
    first = tmp_path / "first"
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join([str(first), str(tmp_path / "second")]))
    assert add(archive) == Placement(first / "tiny", file_sha256(archive), root / "tiny")
    assert remove("tiny") == first / "tiny"
    assert remove("tiny") == root / "tiny"
    assert [*first.iterdir(), *root.iterdir()] == []


def test_no_model_is_placed_over_another(archive: Path, root: Path) -> None:
    (root / "tiny").mkdir(parents=True)
    with pytest.raises(PlacementError, match="edge-detect models remove tiny"):
        add(archive)
    assert [*root.rglob("*")] == [root / "tiny"]


def test_no_place(
    archive: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(PlacementError, match=MODELS_VARIABLE):
        add(archive)
    monkeypatch.delenv(MODELS_VARIABLE)
    monkeypatch.setattr(placement, "user_root", lambda: None)
    with pytest.raises(PlacementError, match=f"no home folder .+ set {MODELS_VARIABLE}"):
        add(archive)


@pytest.mark.parametrize("name", ["nonsense", "..", ".", "", "../models/tiny"])
def test_removing_what_is_not_there(archive: Path, root: Path, name: str) -> None:
    add(archive)
    with pytest.raises(ModelNotFound, match="there are compact, tiny"):
        remove(name)
    assert (root / "tiny").is_dir()


def test_a_shipped_model_stays(root: Path) -> None:
    with pytest.raises(PlacementError, match="came with edge-detect"):
        remove("compact")
    assert (shipped_root() / "compact" / "manifest.json").is_file()


def test_what_nobody_added_is_not_removed(tiny: Path, root: Path) -> None:
    shutil.copytree(tiny, root / "mine")
    with pytest.raises(PlacementError, match="remove the folder yourself"):
        remove("mine")
    assert (root / "mine" / "manifest.json").is_file()


def test_an_archive_by_its_sha256(archive: Path, root: Path) -> None:
    with pytest.raises(BundleInvalid, match="not 0000"):
        add(archive, "0" * 64)
    assert "tiny" not in installed_packages()
    assert add(archive, file_sha256(archive)).folder == root / "tiny"
