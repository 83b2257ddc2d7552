"""`--resume`: every file once, and never results in one file that were judged differently."""

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detect.calibration_profile import format_profile
from edge_detect.detection import ModelIdentity
from edge_detect.store import file_sha256
from tests.conftest import Waveform
from tests.runtime.test_calibrate import PROFILE
from tests.runtime.test_cli import run
from tests.runtime.test_many_files import COMMAND, limit_file_size, many, sources

PART = ".o.jsonl.part"


def cut_short(model: Path, clips: Path, folder: Path, *options: str | Path) -> Path:
    """The part of a run whose disk was full after some results."""
    output = folder / "o.jsonl"
    args = ["--model", model, clips, *options, "--format", "jsonl", "--output", output]
    result = subprocess.run(
        [*COMMAND, *map(str, args)], capture_output=True, text=True, preexec_fn=limit_file_size
    )
    assert result.returncode == 1
    assert "File too large; free space" in result.stderr
    assert not output.exists()
    return folder / PART


@pytest.fixture(scope="module")
def clips(speech: Waveform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "clips"
    many(folder, speech, 30)
    return folder


@pytest.fixture(scope="module")
def cut(quantised: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of a run that took what is usual."""
    return cut_short(quantised, clips, tmp_path_factory.mktemp("cut"), "--precision", "fp32")


def resume(
    model: Path, source: Path, folder: Path, *options: str | Path
) -> subprocess.CompletedProcess[str]:
    output = folder / "o.jsonl"
    return run("--model", model, source, "--format", "jsonl", "--output", output, "--resume",
               *options)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "then", "now"),
    [
        (["--threshold", "0.7"], "no --threshold", "--threshold 0.7"),
        (["--precision", "int8-fast"], "--precision fp32", "--precision int8-fast"),
        (["--mode", "windows"], "no --mode", "--mode windows"),
        (["--max-whole", "20"], "--max-whole 30.0", "--max-whole 20.0"),
        (
            ["--window", "2", "--hop", "1"],
            "--window 4.0, --hop 2.0",
            "--window 2.0, --hop 1.0",
        ),
        (["--top-k", "2"], "no --top-k", "--top-k 2"),
        (["--min-speech", "0.5"], "--min-speech 0.0", "--min-speech 0.5"),
    ],
)
def test_a_run_that_judges_differently_is_refused(
    quantised: Path, clips: Path, cut: Path, tmp_path: Path, options: list[str], then: str, now: str
) -> None:
    part = Path(shutil.copy(cut, tmp_path / PART))
    result = resume(quantised, clips, tmp_path, "--precision", "fp32", *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == (
        f"Error: Invalid value for --resume: {str(part)!r} has results of a run with {then}, and "
        f"this one has {now}; give the same, or remove the file"
    )
    assert part.read_bytes() == cut.read_bytes()
    assert not (tmp_path / "o.jsonl").exists()


def test_a_run_with_a_threshold_or_profile_is_not_resumed_without(
    quantised: Path, clips: Path, tmp_path: Path
) -> None:
    model = ModelIdentity("tiny", file_sha256(quantised / "manifest.json"), "fp32")
    profile = replace(PROFILE, model=model)
    (tmp_path / "profile.json").write_text(format_profile(profile), encoding="utf-8")
    given = {"--threshold": "0.5", "--profile": str(tmp_path / "profile.json")}
    stated = {"--threshold": "0.5", "--profile": f"of sha256 {profile.sha256}"}
    for option, value in given.items():
        cut_short(quantised, clips, tmp_path, "--precision", "fp32", option, value)
        refused = resume(quantised, clips, tmp_path, "--precision", "fp32")
        assert refused.returncode == 2
        assert f"with {option} {stated[option]}, and this one has no {option};" in refused.stderr
        same = resume(quantised, clips, tmp_path, "--precision", "fp32", option, value)
        assert same.returncode == 1  # broken clips
        (tmp_path / "o.jsonl").unlink()


def test_what_changes_no_answer_may_change(
    quantised: Path, clips: Path, cut: Path, tmp_path: Path
) -> None:
    shutil.copy(cut, tmp_path / PART)
    begun = len(cut.read_bytes().splitlines()) - 1
    others = ("--precision", "fp32", "--threads", "1", "--fail-on", "spoof", "--device", "cpu")
    result = resume(quantised, clips, tmp_path, *others)
    assert (result.returncode, result.stdout) == (10, "")
    assert 2 < begun < 30
    content = (tmp_path / "o.jsonl").read_text(encoding="utf-8")
    whole = run("--model", quantised, clips, "--precision", "fp32", "--format", "jsonl").stdout
    assert content == whole
    assert [path.name for path in tmp_path.iterdir()] == ["o.jsonl"]


def test_another_model(tiny: Path, quantised: Path, clips: Path, cut: Path, tmp_path: Path) -> None:
    shutil.copy(cut, tmp_path / PART)
    result = resume(tiny, clips, tmp_path)
    assert result.returncode == 2
    of = {model: f"tiny (sha256 {file_sha256(model / 'manifest.json')})"
          for model in (tiny, quantised)}  # fmt: skip
    assert f"with --model {of[quantised]}, and this one has --model {of[tiny]};" in result.stderr


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_a_run_that_ended_in_its_first_line(
    tiny: Path, speech_path: Path, cut: Path, tmp_path: Path, kept: int
) -> None:
    (tmp_path / PART).write_bytes(cut.read_bytes()[:kept])
    result = resume(tiny, speech_path, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert sources((tmp_path / "o.jsonl").read_text(encoding="utf-8")) == [str(speech_path)]


@pytest.mark.parametrize("text", ["no json\n", "{}\n", "[]\n", '{"judged_by": 1}\n', "\n"])
def test_a_part_of_something_else(tiny: Path, speech_path: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / PART).write_text(text, encoding="utf-8")
    result = resume(tiny, speech_path, tmp_path)
    part = str(tmp_path / PART)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"error: {part!r} holds no results of a run; remove it\n"


def test_a_name_given_twice_has_two_results(
    tiny: Path, clips: Path, tmp_path: Path, speech_path: Path
) -> None:
    part = cut_short(tiny, clips, tmp_path)
    first, second, *_ = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(first + second)
    name = json.loads(second)["source"]
    result = resume(tiny, Path(name), tmp_path, name, speech_path)
    assert (result.returncode, result.stderr) == (0, "")
    found = Counter(sources((tmp_path / "o.jsonl").read_text(encoding="utf-8")))
    assert found == {name: 2, str(speech_path): 1}
