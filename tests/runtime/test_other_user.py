"""The command as a user who may not read everything: one line for each refusal."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_detect.store import DATA_VARIABLE
from tests.runtime.test_many_files import COMMAND, sources


def as_user() -> dict[str, Any]:
    """How a process is started that may not read everything: root becomes nobody."""
    if os.geteuid() == 0:
        return {"user": "nobody", "group": "nogroup", "extra_groups": []}
    return {}


@pytest.fixture(scope="module")
def user() -> dict[str, Any]:
    try:
        subprocess.run([sys.executable, "-c", "import edge_detect.cli"], check=True,
                       capture_output=True, **as_user())  # fmt: skip
    except (PermissionError, KeyError, LookupError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nobody can't run this Python and checkout here: {error}")
    return as_user()


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that every user may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def closed(root: Path, speech_path: Path) -> Iterator[Path]:
    """A folder with a clip in it that nobody may look into."""
    folder = root / "clips" / "closed"
    folder.mkdir(parents=True)
    shutil.copy(speech_path, folder.parent / "open.opus")
    shutil.copy(speech_path, folder / "in.opus")
    folder.chmod(0)
    yield folder
    folder.chmod(0o755)


def run_as(
    user: dict[str, Any], *args: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        **user,
    )


def test_closed_folders_and_files(user: dict[str, Any], tiny: Path, closed: Path) -> None:
    shut = closed.parent / "shut.opus"
    shut.write_bytes(b"0")
    shut.chmod(0)
    result = run_as(user, "--model", tiny, closed.parent, closed / "in.opus", "--format", "jsonl")
    names = [closed, closed.parent / "open.opus", shut, closed / "in.opus"]
    assert result.returncode == 1
    assert sources(result.stdout) == list(map(str, names))
    errors = [json.loads(line).get("error", {}) for line in result.stdout.splitlines()]
    assert [error.get("type") for error in errors[:2]] == ["file_unreadable", None]
    assert result.stderr.splitlines()[0] == (
        f"error: can't read the folder {str(closed)!r}: Permission denied; change its rights"
    )
    assert result.stderr.splitlines()[-1] == (
        f"error: can't open {str(names[-1])!r}: Permission denied; check the path and its rights"
    )
    assert result.stderr.count("\n") == 3


def test_a_closed_home_has_no_models(
    user: dict[str, Any], tiny: Path, closed: Path, speech_path: Path
) -> None:
    found = run_as(user, "--model", tiny, speech_path, **{DATA_VARIABLE: str(closed)})
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--model", "{closed}/model"), 3, "can't look into"),
        (("--output", "{closed}/o.json"), 1, "can't write"),
        (("--output", "{closed}/o.jsonl", "--format", "jsonl"), 1, "can't write"),
        (("--files-from", "{closed}/list"), 1, "can't read the list"),
        (("--report", "{closed}/e.json"), 1, "can't write"),
    ],
)
def test_options_that_lead_into_a_closed_folder(
    user: dict[str, Any], tiny: Path, closed: Path, speech_path: Path, args: tuple[str, ...],
    code: int, said: str,
) -> None:  # fmt: skip
    given = [arg.format(closed=closed) for arg in args]
    result = run_as(user, "--model", tiny, speech_path, *given)
    assert (result.returncode, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: {said} '{closed}")
    assert "Permission denied; " in line


def test_data_in_a_closed_folder(user: dict[str, Any], closed: Path) -> None:
    result = run_as(user, "evaluate", closed / "data")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: can't look at '{closed}/data': Permission denied; change its rights\n"
    )


def test_a_link_that_leads_to_itself(root: Path, tiny: Path, speech_path: Path) -> None:
    (root / "loop").symlink_to("loop")
    (root / "loop.wav").symlink_to("loop.wav")
    shutil.copy(speech_path, root)
    result = run_as({}, "--model", tiny, root, "--format", "jsonl")
    assert result.returncode == 1
    assert sources(result.stdout) == [str(root / speech_path.name), str(root / "loop.wav")]
    assert "Too many levels of symbolic links; check the path" in result.stderr
