"""The report on one file: complete, true to what was judged, and the same but for its date."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from edge_detect import Detector, Failure, Fetching, Windowing
from edge_detect.detection import Detection
from edge_detect.errors import FileUnreadable
from edge_detect.store import open_package
from edge_detect.witness import Witness
from tests.conftest import Waveform, serve_requests
from tests.runtime.conftest import DECISION
from tests.runtime.test_cli import run
from tests.runtime.test_evaluate import Page
from tests.runtime.test_plot import HOSTILE, RATE


def report(tmp_path: Path, *args: str | Path) -> dict[str, Any]:
    """The JSON that the command writes, which prints what it prints without it."""
    path = tmp_path / "evidence.json"
    result = run(*args, "--format", "json", "--report", path)
    assert (result.returncode, result.stderr) == (0, "")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert json.loads(result.stdout)["results"] == [data["answer"]]
    return data


def test_what_it_says(
    decided: Callable[..., Path], containers: dict[str, Path], tmp_path: Path
) -> None:
    model, clip = decided(), containers["mp4"]
    args = ("--model", model, clip, "--mode", "windows", "--window", "2", "--hop", "1")
    data = report(tmp_path, *args, "--threads", "1", "--top-k", "3")
    assert data["schema"] == 1
    content = data["content"]
    assert (content["name"], content["bytes"]) == (str(clip), clip.stat().st_size)
    assert content["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    encoding = content["encoding"]
    assert "mp4" in encoding.pop("container")
    assert encoding == {
        "decoder": "FFmpeg", "codec": "aac", "sample_rate": 48_000, "channels": 2,
    }  # fmt: skip
    assert content["decoded_s"] == pytest.approx(data["answer"]["duration_s"], abs=1e-3)
    assert data["model"] == {
        "name": "tiny",
        "sha256": open_package(model).sha256,
        "precision": "fp32",
        "precision_reason": "fp32: the model has no int8 of stated quality",
        "device": "cpu",
        "provider": "CPUExecutionProvider",
        "cuts_silence": False,
    }
    rules = data["rules"]
    assert (rules["basis"], rules["threshold"]) == ("model", DECISION.threshold)
    assert (rules["inconclusive_low"], rules["inconclusive_high"]) == (0.2, 0.8)
    assert rules["measured"]["false_positive_rate"] == DECISION.false_positive_rate
    assert "assumes 50% of synthetic speech; Cllr 0.25 on speech" in rules["calibration"]
    assert rules["windowing"] == {
        "mode": "windows", "whole_seconds": 30, "window_seconds": 2, "hop_seconds": 1,
        "top_k": 3, "min_speech_seconds": 0,
    }  # fmt: skip
    assert data["machine"]["threads"] == 1
    assert {"edge-detect", "onnxruntime", "numpy", "python", "soundfile", "libsndfile", "pyav",
            "ffmpeg"} <= data["machine"]["versions"].keys()  # fmt: skip
    assert data["command"][:3] == ["edge-detect", "--model", str(model)]
    assert data["answer"]["windows"]
    assert data["answer"]["segments"]
    assert data["warnings"] == []
    age = datetime.now(timezone.utc) - datetime.fromisoformat(data["made_at"])
    assert timedelta() <= age < timedelta(minutes=2)


def test_twice_it_differs_in_its_date_alone(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        data = report(tmp_path, "--model", tiny, speech_path)
        page = tmp_path / "evidence.html"
        assert run("--model", tiny, speech_path, "--report", page).returncode == 0
        text = page.read_text(encoding="utf-8")
        date = text.partition("Made at ")[2].partition(" by ")[0]
        assert datetime.fromisoformat(date).tzinfo == timezone.utc
        del data["made_at"]
        found.append((data, text.replace(date, "")))
    assert found[0] == found[1]


def test_a_threshold_of_the_users_own(
    decided: Callable[..., Path], speech_path: Path, tmp_path: Path
) -> None:
    rules = report(tmp_path, "--model", decided(), speech_path, "--threshold", "0.3")["rules"]
    assert (rules["basis"], rules["threshold"], rules["measured"]) == ("--threshold", 0.3, None)
    assert rules["inconclusive_low"] == rules["inconclusive_high"] == 0.3


def test_a_model_that_decides_nothing(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    rules = report(tmp_path, "--model", tiny, speech_path)["rules"]
    assert (rules["basis"], rules["threshold"]) == (None, None)
    assert rules["calibration"].startswith("none is stated")


def test_the_page(decided: Callable[..., Path], speech_path: Path, tmp_path: Path) -> None:
    source = tmp_path / HOSTILE.replace("/", "∕")
    source.write_bytes(speech_path.read_bytes())
    path = tmp_path / "evidence.html"
    result = run("--model", decided(), source, "--mode", "windows", "--window", "2", "--hop", "1",
                 "--report", path)  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == page.loads == []
    assert not {"script", "img"} & set(page.tags)
    assert page.tags.count("svg") == 1
    assert "default-src 'none'" in text
    assert "<script>alert(1)<∕script>" in page.text
    assert "\u202e" not in text
    for said in (hashlib.sha256(source.read_bytes()).hexdigest(), open_package(decided()).sha256,
                 "libsndfile", "CPUExecutionProvider", "Segments", "Windows",
                 "measured: false positive rate"):  # fmt: skip
        assert said in page.text


def test_a_damaged_file(tiny: Path, speech: Waveform, tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, speech, RATE)
    path.write_bytes(path.read_bytes()[:-40_000])
    result = run("--model", tiny, path, "--report", tmp_path / "e.json")
    assert result.returncode == 0
    [warning] = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))["warnings"]
    assert result.stderr == f"warning: {warning}\n"
    assert "is damaged or cut off" in warning


def test_standard_input(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    command = [sys.executable, "-m", "edge_detect", "--model", tiny, "-", "--report", path]
    content = speech_path.read_bytes()
    assert subprocess.run(command, input=content, capture_output=True).returncode == 0
    found = json.loads(path.read_text(encoding="utf-8"))["content"]
    assert (found["name"], found["bytes"]) == ("-", len(content))
    assert found["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_folder_with_one_file(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.opus").write_bytes(speech_path.read_bytes())
    assert report(tmp_path, "--model", tiny, folder)["content"]["name"] == str(folder / "a.opus")
    (folder / "b.opus").write_bytes(speech_path.read_bytes())
    several = run("--model", tiny, folder, "--report", tmp_path / "e.json")
    assert several.returncode == 2
    assert "are for one file, not for 2" in several.stderr


def test_an_address_is_fetched_once(tiny: Path, speech: Waveform, tmp_path: Path) -> None:
    served: list[bytes] = []

    class Changing(BaseHTTPRequestHandler):
        """Gives another clip each time."""

        def do_GET(self) -> None:
            file = BytesIO()
            soundfile.write(file, speech[len(served) * 100 :], RATE, format="WAV")
            served.append(file.getvalue())
            self.send_response(200)
            self.send_header("Content-Length", str(len(served[-1])))
            self.end_headers()
            self.wfile.write(served[-1])

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    with serve_requests(Changing) as web:
        address = f"{web}/clip.wav"
        data = report(tmp_path, "--model", tiny, address, "--allow-host", "127.0.0.1")
    assert len(served) == 1
    assert data["content"]["name"] == address
    assert data["content"]["sha256"] == hashlib.sha256(served[0]).hexdigest()


@pytest.mark.parametrize("windows", [False, True])
def test_a_file_that_changes_while_it_is_judged(
    windows: bool, tiny: Path, speech: Waveform, tmp_path: Path
) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.resize(speech, (40 if windows else 5) * RATE), RATE)
    detector = Detector.load(tiny, device="cpu", windowing=Windowing())
    witness = Witness(str(path), None, Fetching(), digest=True)
    judge = detector.predict_batch

    def judge_and_change(sources: Any) -> list[Detection | Failure]:
        results = list(judge(sources))
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\x55")
        return results

    detector.predict_batch = judge_and_change  # type: ignore[method-assign,assignment]
    [result] = witness.answer(detector)
    assert isinstance(result, Failure)
    assert isinstance(result.error, FileUnreadable)
    assert "changed while it was judged; copy it" in result.error.message
    assert witness.detection is None


def test_it_stands_whole_or_not_at_all(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    missing = run("--model", tiny, speech_path, "--report", tmp_path / "none" / "e.json")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "no folder" in missing.stderr
    ending = run("--model", tiny, speech_path, "--report", tmp_path / "e.txt")
    assert ending.returncode == 2
    failed = run("--model", tiny, tmp_path / "none.wav", "--report", tmp_path / "e.json")
    assert failed.returncode == 1
    assert list(tmp_path.iterdir()) == []
