"""The command: what it prints where, in which form, and its exit codes."""

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile

from edge_detect import __version__
from tests.conftest import Waveform


def run(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a whole process."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "edge_detect", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.mp3"
    path.write_bytes(np.random.default_rng(1).bytes(200_000))
    return path


def test_table(tiny: Path, speech_path: Path) -> None:
    result = run("--model", tiny, speech_path)
    assert (result.returncode, result.stderr) == (0, "")
    header, row = result.stdout.splitlines()
    assert header.split() == ["file", "label", "confidence", "duration"]
    assert row.startswith(str(speech_path))
    assert row.split()[-2:] == ["5.30", "s"]


def test_json(tiny: Path, speech_path: Path, bad: Path) -> None:
    result = run(speech_path, bad, "--model", tiny, "--format", "json")
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert list(report) == ["schema", "results"]
    assert report["schema"] == 1
    good, failed = report["results"]
    assert list(good) == [
        "source", "label", "confidence", "probabilities", "spoof_probability", "verdict",
        "duration_s", "mode", "model", "device",
    ]  # fmt: skip
    assert good["source"] == str(speech_path)
    assert list(good["model"]) == ["name", "sha256", "precision"]
    assert list(failed) == ["source", "error"]
    assert list(failed["error"]) == ["type", "message"]
    assert failed["error"]["type"] == "unsupported_audio"


def test_every_failure_is_one_line(tiny: Path, bad: Path, tmp_path: Path) -> None:
    result = run("--model", tiny, bad, tmp_path, "no.wav")
    assert (result.returncode, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: ") for line in lines)


def run_on_terminal(*args: str | Path) -> str:
    """Run the command with a terminal for standard output and error; returns what it shows."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "edge_detect", *map(str, args)]
    with subprocess.Popen(command, stdout=follower, stderr=follower) as process:
        os.close(follower)
        shown = b""
        with suppress(OSError):  # the terminal's end
            while chunk := os.read(leader, 4096):
                shown += chunk
        os.close(leader)
    assert process.returncode == 1
    return shown.decode()


def test_many_files_on_a_terminal_get_a_progress_bar(tiny: Path, speech_path: Path) -> None:
    files = [speech_path, "no.wav", speech_path]
    shown = run_on_terminal("--model", tiny, *files)
    assert "100%" in shown
    # The error stands on a line of its own, and the table comes after the bar.
    assert re.search(r"(\n|\r|\x1b\[2K)error: no file 'no\.wav'; check the path\r?\n", shown)
    assert shown.rindex("%\x1b") < shown.rindex("confidence")
    streamed = run_on_terminal("--model", tiny, "--format", "jsonl", *files)
    assert "100%" not in streamed


def test_json_lines_are_results(tiny: Path, speech_path: Path, bad: Path) -> None:
    as_json = json.loads(run("--model", tiny, "--format", "json", speech_path, bad).stdout)
    lines = run("--model", tiny, "--format", "jsonl", speech_path, bad).stdout.splitlines()
    assert [json.loads(line) for line in lines] == as_json["results"]


def test_csv(tiny: Path, speech_path: Path, bad: Path) -> None:
    result = run("--model", tiny, "--format", "csv", speech_path, bad)
    good, failed = csv.DictReader(io.StringIO(result.stdout))
    assert good["label"] in {"bonafide", "spoof"}
    assert float(good["confidence"]) == float(good[f"probability_{good['label']}"])
    assert good["error_type"] == ""
    assert (failed["label"], failed["error_type"]) == ("", "unsupported_audio")


def test_a_truncated_file_is_answered_with_a_warning(
    tiny: Path, containers: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "cut.mp3"
    path.write_bytes(containers["mp3"].read_bytes()[:20_000])
    result = run("--model", tiny, "--format", "jsonl", path)
    assert result.returncode == 0
    assert json.loads(result.stdout)["duration_s"] > 1
    [line] = result.stderr.splitlines()
    assert line.startswith("warning: ")
    assert "cut.mp3" in line


def test_silence_is_no_guess(tiny: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    result = run("--model", tiny, "--format", "jsonl", tmp_path / "silence.wav")
    assert result.returncode == 1
    assert json.loads(result.stdout)["error"]["type"] == "no_speech"


@pytest.mark.parametrize("name", ["two words.wav", "голос 声 🎙.wav", "[red]x.wav", "a\nb.wav"])
@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_any_file_name(
    tiny: Path, tmp_path: Path, speech: Waveform, name: str, locale: str
) -> None:
    soundfile.write(tmp_path / name, speech, 16_000, format="WAV")
    result = run("--model", tiny, "--format", "jsonl", tmp_path / name, LC_ALL=locale)
    assert json.loads(result.stdout)["source"] == str(tmp_path / name)
    if "\n" not in name:
        table = run("--model", tiny, tmp_path / name, LC_ALL=locale).stdout
        assert str(tmp_path / name) in table


def test_a_file_named_as_a_command(tiny: Path, tmp_path: Path, speech: Waveform) -> None:
    soundfile.write(tmp_path / "models", speech, 16_000, format="WAV")
    result = run("--model", tiny, "--", tmp_path / "models")
    assert result.returncode == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--format", "xml", "a.wav"),
        ("--device", "tpu", "a.wav"),
        ("--threads", "0", "a.wav"),
        ("--nonsense", "a.wav"),
        ("--model", "tiny"),
        (),
    ],
)
def test_usage_errors(args: tuple[str, ...]) -> None:
    result = run(*args)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_model_that_is_not_there(speech_path: Path) -> None:
    result = run("--model", "nonsense", speech_path)
    assert (result.returncode, result.stdout) == (3, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: no model 'nonsense'")


@pytest.mark.parametrize("damage", ["byte", "key", "graph"])
def test_a_damaged_model(tiny: Path, tmp_path: Path, speech_path: Path, damage: str) -> None:
    folder = shutil.copytree(tiny, tmp_path / "tiny")
    graph, manifest = folder / "encoder.onnx", folder / "manifest.json"
    if damage == "byte":
        content = bytearray(graph.read_bytes())
        content[-1] ^= 255
        graph.write_bytes(content)
    elif damage == "key":
        manifest.write_text(manifest.read_text(encoding="utf-8").replace("{", '{"x": 1,', 1))
    else:
        graph.unlink()
    result = run("--model", folder, speech_path)
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1


def test_a_precision_that_is_not_there(tiny: Path, speech_path: Path) -> None:
    result = run("--model", tiny, "--precision", "int9", speech_path)
    assert (result.returncode, result.stdout) == (3, "")
    assert "it has fp32" in result.stderr


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="CUDA is here"
)
def test_a_device_that_is_not_there(tiny: Path, speech_path: Path) -> None:
    result = run("--model", tiny, "--device", "cuda", speech_path)
    assert (result.returncode, result.stdout) == (3, "")
    [line] = result.stderr.splitlines()
    assert "no CUDA provider" in line


def test_version_and_help() -> None:
    assert run("--version").stdout == f"edge-detect {__version__}\n"
    help_text = run("--help").stdout
    for word in ("FILE...", "--model", "--device", "--precision", "--threads", "--format",
                 "--version", "bench", "export", "models"):  # fmt: skip
        assert word in help_text


def test_models(tiny: Path) -> None:
    listed = run("models", "list", EDGE_DETECT_MODELS=str(tiny.parent)).stdout
    assert f"tiny\t{tiny}" in listed.splitlines()
    shown = run("models", "show", tiny).stdout
    assert "bonafide, spoof" in shown
    assert run("models", "show", "nonsense").returncode == 3


def test_what_lower_precisions_cost_is_shown(quantised: Path) -> None:
    shown = run("models", "show", quantised).stdout
    rows = dict(line.split("  ", 1) for line in shown.splitlines())
    rows = {title: text.strip() for title, text in rows.items()}
    assert rows["precisions"] == "fp32, int8-fast, int8, fp16"
    assert rows["auto here"].startswith(("int8: 1.6 times as fast", "fp32: "))
    assert rows["int8 measured"] == "on 200 clips: speech"
    assert rows["int8 cosine"] == "0.998000 at least, 0.999500 on average"
    assert rows["int8 labels"] == "1 of 200 differ (95 % interval 0.09% to 2.78%)"
    assert rows["int8 EER"] == "10.10%, +0.10 points from the reference"
    assert rows["int8 speed"].startswith("1.60 times fp32 on ")
    assert not [title for title in rows if title.startswith("fp32")]


def test_what_auto_took_is_said_on_a_terminal_only(quantised: Path, speech_path: Path) -> None:
    assert run("--model", quantised, speech_path).stderr == ""
    assert "precision int8: 1.6 times" in run_on_terminal(
        "--model", quantised, speech_path, "no.wav"
    )
    named = run_on_terminal("--model", quantised, "--precision", "fp32", "no.wav")
    assert "precision" not in named


def test_a_precision_that_the_device_can_not_run(quantised: Path, speech_path: Path) -> None:
    result = run("--model", quantised, "--device", "cpu", "--precision", "fp16", speech_path)
    assert (result.returncode, result.stdout) == (3, "")
    [line] = result.stderr.splitlines()
    assert "'fp16'" in line
    assert "runs on cuda, not on cpu" in line


def test_bench(quantised: Path, speech_path: Path) -> None:
    options = ("--model", quantised, "--device", "cpu", "--seconds", "1", "--threads", "1")
    table = run("bench", *options)
    assert (table.returncode, table.stderr) == (0, "")
    assert "auto takes int8: 1.6 times" in table.stdout
    for word in ("fp32", "int8-fast", "p50", "RTF", "embedding off", "0 of 1"):
        assert word in table.stdout
    assert "fp16" not in table.stdout
    as_json = run("bench", speech_path, "--format", "json", *options)
    report = json.loads(as_json.stdout)
    assert report["audio"] == str(speech_path)
    [latency] = report["precisions"][0]["latencies"]
    assert latency["duration_s"] == pytest.approx(5.3)


def test_bench_of_what_can_not_be_had(tiny: Path) -> None:
    no_file = run("bench", "no.wav", "--model", tiny)
    assert (no_file.returncode, no_file.stdout) == (1, "")
    assert no_file.stderr == "error: no file 'no.wav'; check the path\n"
    assert run("bench", "--model", "nonsense").returncode == 3
    assert run("bench", "--seconds", "0", "--model", tiny).returncode == 2


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
from edge_detect import Detector

detector = Detector.load(sys.argv[1], device="cpu", threads=2)
minutes = (np.random.default_rng(0).standard_normal(16_000 * 100), 16_000)
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for _ in detector.predict_batch(minutes for _ in range(10_000)):
        pass
except KeyboardInterrupt:
    print([t.name for t in threading.enumerate() if t.name.startswith("edge-detect")])
"""


def test_an_interrupt_leaves_no_threads(tiny: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, tiny], capture_output=True, text=True, timeout=30
    )
    assert (result.stderr, result.stdout) == ("", "[]\n")


def test_export_help_needs_no_torch() -> None:
    script = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = sys.modules['sklearn'] = None\n"
        "sys.argv = ['edge-detect', 'export', '--help']\n"
        "from edge_detect.cli import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0
    assert "edge-detect export" in result.stdout
    assert "--encoder" in result.stdout
