"""Packages are found by name or folder, and their files are checked."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from edge_detect.errors import ModelCorrupted, ModelNotFound, PrecisionUnavailable
from edge_detect.store import (
    DATA_VARIABLE,
    MODELS_VARIABLE,
    installed_packages,
    model_roots,
    open_package,
    shipped_root,
    user_root,
)


def test_by_folder(tiny: Path) -> None:
    package = open_package(tiny)
    assert package.manifest.name == "tiny"
    assert package.sha256 == open_package(str(tiny)).sha256


def test_by_name_in_the_configured_folders(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join([str(tmp_path), str(tiny.parent)]))
    assert open_package("tiny").folder == tiny
    assert installed_packages()["tiny"] == tiny


def test_the_order_of_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join(["a", "", "b"]))
    own = tmp_path / "edge-detect" / "models"
    assert model_roots() == [Path("a"), Path("b"), own, shipped_root()]


def test_the_users_own_model_goes_before_the_shipped_one(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed_packages()["compact"] == shipped_root() / "compact"
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    own = Path(shutil.copytree(tiny, tmp_path / "edge-detect" / "models" / "compact"))
    assert open_package("compact").folder == own


@pytest.mark.parametrize(
    ("platform", "variable", "folder"),
    [
        ("linux", None, "home/.local/share"),
        ("linux", "", "home/.local/share"),
        ("linux", "relative", "home/.local/share"),
        ("darwin", None, "home/Library/Application Support"),
        ("win32", None, "local"),
    ],
)
def test_where_the_users_own_models_are(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variable: str | None,
    folder: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.delenv(DATA_VARIABLE)
    if variable is not None:
        monkeypatch.setenv(DATA_VARIABLE, variable)
    assert user_root() == tmp_path / folder / "edge-detect" / "models"


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(DATA_VARIABLE)
    monkeypatch.setattr(Path, "expanduser", no_home)
    assert user_root() is None
    assert model_roots() == [shipped_root()]


def test_a_known_name_wins_over_a_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny, tmp_path / "tiny")
    monkeypatch.setenv(MODELS_VARIABLE, str(tiny.parent))
    monkeypatch.chdir(tmp_path)
    assert open_package("tiny").folder == tiny
    assert open_package("./tiny").folder == Path("tiny")


@pytest.mark.parametrize("name", ["nonsense", "no/such/folder", "."])
def test_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFound, match="give another"):
        open_package(name)


def test_a_changed_byte(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "tiny")
    graph = folder / "encoder.onnx"
    content = bytearray(graph.read_bytes())
    content[5000] ^= 1
    graph.write_bytes(content)
    package = open_package(folder)
    with pytest.raises(ModelCorrupted, match="sha256"):
        package.verified(package.encoder("fp32"))


def test_a_missing_graph(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "tiny")
    (folder / "classifier.onnx").unlink()
    package = open_package(folder)
    with pytest.raises(ModelCorrupted, match=r"no readable 'classifier\.onnx'"):
        package.verified(package.manifest.classifier)


def test_precisions(tiny: Path) -> None:
    package = open_package(tiny)
    assert package.encoder("fp32") is package.manifest.encoders[0]
    with pytest.raises(PrecisionUnavailable, match="'int8'; it has fp32"):
        package.encoder("int8")
