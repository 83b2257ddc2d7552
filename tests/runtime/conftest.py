"""Packages of several precisions and with a decision, for what chooses by them and shows them."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edge_detect.manifest import Decision, Quality, format_manifest, read_manifest
from edge_detect.processor import cpu_kind
from edge_detect.store import DATA_VARIABLE, MODELS_VARIABLE

QUALITY = Quality("speech", 200, 0.998, 0.9995, 0.02, 0.003, 1, 0.0009, 0.0278, 0.101, 0.1)

DECISION = Decision(
    threshold=0.5,
    inconclusive_low=0.2,
    inconclusive_high=0.8,
    spoof_prior=0.5,
    data="speech",
    real_clips=150,
    spoof_clips=50,
    false_positive_rate=0.01,
    false_positive_rate_low=0.0,
    false_positive_rate_high=0.0362,
    miss_rate=0.1,
    miss_rate_low=0.0435,
    miss_rate_high=0.2136,
    error_rate_outside=0.025,
    error_rate_outside_low=0.01,
    error_rate_outside_high=0.06,
    inconclusive_rate=0.2,
    cllr=0.25,
)


@pytest.fixture(scope="session", autouse=True)
def no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests see no model that somebody added on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(tmp_path_factory.mktemp("data")))
        patch.delenv(MODELS_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def quantised(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny package with further precisions by name, each of fp32's own graph.

    As its manifest has it, int8 is 1.6 times as fast here as fp32, and int8-fast three times.
    """
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("models") / "quantised")
    data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    [fp32] = data["encoders"]
    for precision, device, speed in (
        ("int8-fast", "cpu", 3.0),
        ("int8", "cpu", 1.6),
        ("fp16", "cuda", 0),
    ):
        data["encoders"].append(
            {
                **fp32,
                "precision": precision,
                "devices": [device],
                "quality": asdict(QUALITY),
                "speedup": {cpu_kind(): speed} if speed else {},
            }
        )
    (folder / "manifest.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


@pytest.fixture
def decided(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    """Gives the tiny package with `DECISION` and the changes that are asked for."""

    def write(**changes: float) -> Path:
        folder = shutil.copytree(tiny, tmp_path / "decided", dirs_exist_ok=True)
        manifest = replace(read_manifest(tiny), decision=replace(DECISION, **changes))
        (folder / "manifest.json").write_text(format_manifest(manifest), encoding="utf-8")
        return folder

    return write
