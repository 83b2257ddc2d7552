"""What the README shows of the runtime runs as it stands there."""

import shlex
import subprocess
import sys

import pytest

from tests.readme import ROOT, code_blocks, commands

# Those need the reader's own files; tests/export runs them.
OWN_MODEL = "my-model"


@pytest.mark.parametrize("command", [c for c in commands() if OWN_MODEL not in c])
def test_commands(command: str) -> None:
    _, *arguments = shlex.split(command)
    result = subprocess.run(
        [sys.executable, "-m", "edge_detect", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


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
