"""A package of several precisions, for what chooses among them and what shows them."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from edge_detect.manifest import Quality
from edge_detect.processor import cpu_kind

QUALITY = Quality("speech", 200, 0.998, 0.9995, 0.02, 0.003, 1, 0.0009, 0.0278, 0.101, 0.1)


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
