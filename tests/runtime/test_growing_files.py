"""Files whose header and content differ, and files that grow while they are judged."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.test_cli import run
from tests.runtime.test_lengths import with_data_size

CHUNK = 1000
PAUSE_SECONDS = 0.005


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """Append what the file ends in, again and again, as a recorder does."""
    end, stop = path.read_bytes()[-CHUNK:], threading.Event()

    def append() -> None:
        while not stop.wait(PAUSE_SECONDS):
            with path.open("ab") as file:
                file.write(end)

    writer = threading.Thread(target=append)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


# What libsndfile reads, by its header or to its end, and what FFmpeg reads; aac has no header, and
# would be read for as long as it grows.
@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "opus", "aac", "webm"])
def test_a_file_that_grows_while_it_is_judged(
    tiny: Path, containers: dict[str, Path], tmp_path: Path, ending: str
) -> None:
    path = Path(shutil.copy(containers[ending], tmp_path / f"clip.{ending}"))
    size = path.stat().st_size
    with growing(path):
        result = run("--model", tiny, path, "--format", "jsonl")
    assert path.stat().st_size > size
    [answer] = map(json.loads, result.stdout.splitlines())
    assert result.returncode == 0
    assert all(line.startswith("warning: ") for line in result.stderr.splitlines())
    assert len(result.stderr.splitlines()) <= 1
    if ending in ("wav", "flac"):  # as much as the header says
        assert answer["duration_s"] == pytest.approx(5.3)
    assert answer["duration_s"] >= 5.2


GROWING_WHILE_JUDGED = """
import sys
from edge_detect.cli import main
from edge_detect.detector import Detector

judge = Detector.predict_batch

def judge_and_append(self, sources):
    results = list(judge(self, sources))
    with open(sys.argv[1], "ab") as file:
        file.write(bytes(2))
    return results

Detector.predict_batch = judge_and_append
main()
"""


def test_a_report_speaks_for_no_file_that_grows(
    tiny: Path, containers: dict[str, Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(containers["wav"], tmp_path / "clip.wav"))
    args = (path, "--model", tiny, "--format", "jsonl", "--report", tmp_path / "e.json")
    command = [sys.executable, "-W", "error", "-c", GROWING_WHILE_JUDGED, *map(str, args)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    [answer] = map(json.loads, result.stdout.splitlines())
    assert result.returncode == 1
    assert answer["error"]["type"] == "file_unreadable"
    assert result.stderr == (
        f"error: {str(path)!r} changed while it was judged; copy it and judge the copy\n"
    )
    assert not (tmp_path / "e.json").exists()


@pytest.mark.parametrize(("declared", "seconds", "warned"), [(0.5, 2.65, False), (2, 5.3, True)])
@pytest.mark.parametrize("reported", [False, True])
def test_a_header_that_says_less_or_more_than_is_there(
    tiny: Path,
    containers: dict[str, Path],
    tmp_path: Path,
    declared: float,
    seconds: float,
    warned: bool,
    reported: bool,
) -> None:
    content = containers["wav"].read_bytes()
    path = tmp_path / "clip.wav"
    path.write_bytes(with_data_size(content, int(declared * (len(content) - 44)) // 2 * 2))
    report = tmp_path / "e.json"
    args = ("--model", tiny, path, "--format", "jsonl", *(("--report", report) if reported else ()))
    result = run(*args)
    [answer] = map(json.loads, result.stdout.splitlines())
    assert result.returncode == 0
    assert answer["duration_s"] == pytest.approx(seconds, abs=1e-3)
    warnings = [f"{str(path)!r} is damaged or cut off; the answer rests on the 5.30 s that could "
                "be read"] if warned else []  # fmt: skip
    assert result.stderr.splitlines() == [f"warning: {warning}" for warning in warnings]
    if reported:
        found = json.loads(report.read_text(encoding="utf-8"))
        assert found["warnings"] == warnings
        assert found["content"]["bytes"] == len(content)
        assert found["content"]["decoded_s"] == pytest.approx(seconds, abs=1e-3)
