"""The tiny package's bundle, and an empty home for models."""

import tarfile
from pathlib import Path

import pytest

from edge_detect.bundle import write_bundle
from edge_detect.store import DATA_VARIABLE, MODELS_VARIABLE, open_package
from tests.runtime.bundle.archives import Files, read_member


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of models, which isn't there yet."""
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.delenv(MODELS_VARIABLE, raising=False)
    return tmp_path / "data" / "edge-detect" / "models"


@pytest.fixture
def archive(tiny: Path, tmp_path: Path) -> Path:
    """The tiny package's bundle."""
    write_bundle(open_package(tiny), tmp_path / "tiny.tar.gz")
    return tmp_path / "tiny.tar.gz"


@pytest.fixture
def files(archive: Path) -> Files:
    """What is in it, by name."""
    with tarfile.open(archive) as tar:
        return {info.name: read_member(tar, info) for info in tar}
