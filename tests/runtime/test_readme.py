"""What the README shows of the runtime runs as it stands there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_detect.store import DATA_VARIABLE
from tests.conftest import serve_folder
from tests.readme import ROOT, arguments, code_blocks, commands

TITLES = [
    "Run it",
    "Use it from Python",
    "What the default model can't do",
    "Measure a model",
    "Prove it on your machine",
    "When something is wrong",
]


@pytest.mark.parametrize("command", [c for title in TITLES for c in commands(title)])
def test_commands(command: str, containers: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "clip.mp3").write_bytes(containers["mp3"].read_bytes())
    with serve_folder(tmp_path) as web:
        result = subprocess.run(
            [sys.executable, "-m", "edge_detect", *arguments(command, web)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


def test_a_model_goes_to_another_machine(tmp_path: Path) -> None:
    environment = {**os.environ, DATA_VARIABLE: str(tmp_path / "data")}
    with serve_folder(tmp_path) as web:
        for command in commands("Take a model along"):
            result = subprocess.run(
                [sys.executable, "-m", "edge_detect", *arguments(command, web)],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert (result.returncode, "error" in result.stderr) == (0, False), command
            assert result.stdout
    assert result.stdout == f"{tmp_path / 'data' / 'edge-detect' / 'models' / 'compact'}\n"


def test_evidence_for_one_file(containers: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "clip.mp3").write_bytes(containers["mp3"].read_bytes())
    for command in commands("Evidence for one file"):
        result = subprocess.run(
            [sys.executable, "-m", "edge_detect", *arguments(command)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (result.returncode, result.stderr) == (0, ""), command
        assert result.stdout
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"clip.mp3", "clip.svg", "clip.html", "evidence.html", "evidence.json"}


@pytest.mark.parametrize("block", code_blocks("python"))
def test_python(block: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "file_not_found" in result.stdout


def test_both_commands_are_there() -> None:
    setups = [block for block in code_blocks("sh") if "python3 -m venv" in block]
    assert len(setups) == 2
    assert all(len(block.splitlines()) == 1 for block in setups)
