"""Packages are found by name or folder, and their files are checked."""

import os
import shutil
from pathlib import Path

import pytest

from edge_detect.errors import ModelCorrupted, ModelNotFound, PrecisionUnavailable
from edge_detect.store import MODELS_VARIABLE, installed_packages, open_package


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
