"""`edge-detect train`: what it prints where, and its exit codes."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_train.__main__ import app
from tests.train.conftest import Run, write_labels


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "tones", {"bonafide": 12, "spoof": 12})


def test_a_folder_becomes_a_model(run: Run, tiny: Path, tones: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (tones / "single").mkdir()
    (tones / "spoof" / "notes.txt").write_text("not a clip")
    out = tmp_path / "model"
    result = run(tones, "--encoder", tiny, "--out", out, EDGE_DETECT_CACHE=str(own))
    assert len(list(own.rglob("*.npz"))) == 24
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["label", "precision", "recall", "F1", "clips"]
    assert lines[1].split() == ["bonafide", "1.000", "1.000", "1.000", "2"]
    assert lines[3].split()[:2] == ["macro", "average"]
    assert lines[-3].startswith("accuracy 100.0% on 4 test clips, Wilson 95 % interval 51.0% to")
    assert lines[-3].endswith("EER 0.0%, AUC 1.000")
    assert lines[-2:] == [f"package: {out}", f"report:  {out / 'report.html'}"]
    errors = result.stderr.splitlines()
    assert errors[0] == "clips found: 25; embeddings from the cache: 0"
    assert errors[1] == "warning: clips left out: 1; metrics.json names them all"
    assert errors[2].startswith("warning: left out (unsupported_audio): ")
    assert errors[3].startswith("warning: label left out: the label 'single' has 0 clips")
    assert errors[4].startswith("warning: the test set has 4 clips; below 100 the 95 % interval")
    assert len(errors) == 5
    verdict = subprocess.run(
        [sys.executable, "-m", "edge_detect", "--model", out, tones / "spoof" / "00.wav"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "spoof" in verdict.stdout.splitlines()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--out", "out"], "no file or folder 'nowhere'"),
        (["empty", "--out", "out"], "'empty' has no sub-folders"),
        (["tones", "--out", "empty"], "'empty' exists"),
        (["tones", "--out", "out", "--encoder", "no-model"], "no-model"),
        (["tones", "--out", "out", "--groups", "speaker"], "give a list instead"),
        (["tones", "--out", "out", "--bonafide", "human"], "'human' is none of 'bonafide'"),
        (["few", "--out", "out"], "fewer than two labels to tell apart: the label 'b' has 1 clip"),
        (["list.csv", "--out", "out"], "no column 'label'; it has 'path', 'class'"),
    ],
)
def test_an_error_is_one_line(
    tiny: Path, tones: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tones.parent)
    Path("empty").mkdir()
    write_labels(Path("few"), {"a": 4, "b": 1})
    Path("list.csv").write_text("path,class\nx,y\n")
    encoder = [] if "--encoder" in arguments else ["--encoder", str(tiny)]
    result = CliRunner().invoke(app, [*arguments, *encoder, "--cache", str(cache)])
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not Path("out").exists()


def test_an_error_is_an_exit_code(run: Run, tmp_path: Path) -> None:
    result = run("nowhere", "--out", tmp_path / "out")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: no file or folder 'nowhere'")


def test_usage() -> None:
    for arguments in (["clips"], ["--out", "x"], ["clips", "--out", "x", "--seed", "-1"]):
        assert CliRunner().invoke(app, arguments).exit_code == 2


def test_help_needs_nothing_heavy() -> None:
    script = """
import sys
from edge_train.__main__ import app
app(args=["--help"], standalone_mode=False)
print(sorted({"sklearn", "matplotlib", "datasets", "onnx", "onnxruntime"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.endswith("[]\n"), result.stderr


def test_without_the_extra() -> None:
    script = (
        "import sys; sys.modules['sklearn'] = None\n"
        "sys.argv = ['edge-detect', 'train', 'clips', '--out', 'out']\n"
        "from edge_detect.cli import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.endswith("; pip install 'edge-detect[train]'")


def test_a_terminal_gets_a_progress_bar(tiny: Path, tones: Path, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    arguments = ["train", tones, "--encoder", tiny, "--out", tmp_path / "model"]
    command = [sys.executable, "-m", "edge_detect", *map(str, arguments)]
    environment = {**os.environ, "EDGE_DETECT_CACHE": str(tmp_path / "cache"), "TERM": "xterm"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        shown = b""
        with suppress(OSError):  # the terminal's end
            while chunk := os.read(leader, 4096):
                shown += chunk
        os.close(leader)
    assert process.returncode == 0
    assert b"24/24" in shown
    assert shown.rindex(b"24/24") < shown.index(b"clips found: 24")
