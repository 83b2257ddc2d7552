"""The command on folders, lists and pipes: every file once, whatever happens on the way."""

import csv
import io
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Waveform
from tests.runtime.test_cli import run

COMMAND = [sys.executable, "-W", "error", "-m", "edge_detect"]


@pytest.fixture
def folder(tmp_path: Path, speech_path: Path) -> Path:
    """Two clips, one of them deeper and of a name that is no UTF-8, a broken one, and a text."""
    root = tmp_path / "folder"
    deep = root / "b" / "deep"
    deep.mkdir(parents=True)
    ending = speech_path.suffix
    shutil.copy(speech_path, root / f"A{ending.upper()}")
    shutil.copy(speech_path, os.fsdecode(bytes(deep) + b"/caf\xe9" + ending.encode()))
    (root / "broken.wav").write_bytes(b"RIFF broken")
    (root / "notes.txt").write_text("no audio", encoding="utf-8")
    return root


def sources(stdout: str) -> list[str]:
    return [json.loads(line)["source"] for line in stdout.splitlines()]


def test_a_folder_is_its_files_in_order(tiny: Path, folder: Path) -> None:
    (folder / "b" / "loop").symlink_to(folder)
    result = run("--model", tiny, folder, "--format", "jsonl")
    assert result.returncode == 1
    names = [os.path.relpath(source, folder) for source in sources(result.stdout)]
    assert len(names) == 3
    assert names[0].startswith("A.")
    assert names[1].startswith("b/deep/caf\udce9")
    assert names[2] == "broken.wav"
    assert result.stderr.count("error: ") == 1


def test_which_files_of_a_folder(tiny: Path, folder: Path) -> None:
    chosen = run("--model", tiny, folder, "--format", "jsonl", "--exclude", "broken*")
    assert (chosen.returncode, len(sources(chosen.stdout))) == (0, 2)
    deep = run("--model", tiny, folder, "--format", "jsonl", "--include", "b/*")
    assert (deep.returncode, len(sources(deep.stdout))) == (0, 1)
    none = run("--model", tiny, folder, "--include", "*.xyz")
    assert none.returncode == 1
    assert none.stderr == f"error: no file in {str(folder)!r} is one of *.xyz; give --include\n"


def test_a_list_and_standard_input(tiny: Path, folder: Path, speech_path: Path) -> None:
    names = folder.parent / "names"
    names.write_bytes(os.fsencode(f"{speech_path}\n\n{folder / 'broken.wav'}\n"))
    listed = run("--model", tiny, "--files-from", names, "--format", "jsonl")
    assert sources(listed.stdout) == [str(speech_path), str(folder / "broken.wav")]
    piped = subprocess.run(
        [*COMMAND, "--model", str(tiny), "-", "--format", "jsonl"],
        input=speech_path.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert sources(piped.stdout.decode()) == ["-"]
    missing = run("--model", tiny, "--files-from", "no-list")
    assert (missing.returncode, missing.stderr) == (1, "error: no list 'no-list'; check the path\n")


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("-", "-"),
        ("--resume", "a.wav"),
        ("--timeline", "--format", "json", "a.wav"),
        ("--hop", "9", "a.wav"),
        ("--fail-on", "noise", "a.wav"),
        ("--fail-on", "spoof:2", "a.wav"),
        ("--threshold", "2", "a.wav"),
    ],
)
def test_usage(args: tuple[str, ...]) -> None:
    result = run("detect", *args)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_exit_codes_of_what_was_found(
    tiny: Path, decided: Callable[..., Path], speech_path: Path, folder: Path
) -> None:
    [score] = [
        json.loads(line)["spoof_probability"]
        for line in run("--model", tiny, speech_path, "--format", "jsonl").stdout.splitlines()
    ]
    assert run("--model", tiny, speech_path, "--fail-on", f"spoof:{score - 0.01}").returncode == 10
    assert run("--model", tiny, speech_path, "--fail-on", f"spoof:{score + 0.01}").returncode == 0
    above, below = f"{score + 0.01}", f"{score - 0.01}"
    assert run("--model", tiny, speech_path, "--fail-on", "spoof", "--threshold", above)\
        .returncode == 0  # fmt: skip
    broken = folder / "broken.wav"
    accusing = ("--model", tiny, broken, speech_path, "--fail-on", "spoof", "--threshold", below)
    assert run(*accusing).returncode == 10  # found, though a file failed
    clean = ("--model", tiny, broken, speech_path, "--fail-on", "spoof", "--threshold", above)
    assert run(*clean).returncode == 1
    verdict = json.loads(run("--model", decided(), speech_path, "--format", "jsonl").stdout)[
        "verdict"
    ]
    expected = {"spoof": 10, "inconclusive": 11, "bonafide": 0}[verdict]
    assert run("--model", decided(), speech_path, "--fail-on", "spoof").returncode == expected


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_output_is_what_standard_output_would_be(
    tiny: Path, folder: Path, tmp_path: Path, form: str
) -> None:
    args = ("--model", tiny, folder, "--format", form)
    command = [*COMMAND, *map(str, args)]
    printed = subprocess.run(command, capture_output=True, check=False).stdout
    written = run(*args, "--output", tmp_path / "results")
    assert (written.returncode, written.stdout) == (1, "")
    assert (tmp_path / "results").read_bytes() == printed
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_an_output_that_has_no_folder(tiny: Path, speech_path: Path) -> None:
    result = run("--model", tiny, speech_path, "--output", "no/such/file")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: can't write 'no/such/file': no folder")


def many(folder: Path, speech: Waveform, count: int) -> list[str]:
    """So many clips of a second, every 30th of them broken."""
    folder.mkdir()
    clip = folder / "0000.wav"
    soundfile.write(clip, speech[:16_000], 16_000)
    content = clip.read_bytes()
    for index in range(count):
        (folder / f"{index:04d}.wav").write_bytes(b"broken" if index % 30 == 7 else content)
    return [str(folder / f"{index:04d}.wav") for index in range(count)]


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_when_begun(args: list[str], part: Path, sign: signal.Signals) -> int:
    """Run the command and send it a signal once it has written some results."""
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while lines_of(part) < 20 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(sign)
    return process.wait(60)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_goes_on_where_it_stopped(
    tiny: Path, tmp_path: Path, speech: Waveform, sign: signal.Signals
) -> None:
    names = many(tmp_path / "clips", speech, 400)
    output, part = tmp_path / "results.jsonl", tmp_path / ".results.jsonl.part"
    args = ["--model", str(tiny), str(tmp_path / "clips"), "--format", "jsonl"]
    args += ["--output", str(output)]
    code = kill_when_begun([*COMMAND, *args], part, sign)
    assert code == (130 if sign is signal.SIGINT else -sign)
    assert not output.exists()
    done = lines_of(part)
    assert 20 <= done < 400
    with part.open("a") as file:
        file.write('{"source": "cut o')  # as a kill in the middle of a line leaves it
    refused = run(*args)
    assert refused.returncode == 1
    assert "has the results of an interrupted run; give --resume" in refused.stderr
    resumed = run(*args, "--resume")
    assert resumed.returncode == 1  # broken files, some of them in the first run
    assert sources(output.read_text(encoding="utf-8")) == names
    assert not part.exists()
    again = run(*args, "--output", tmp_path / "again.jsonl")
    assert again.returncode == 1
    assert (tmp_path / "again.jsonl").read_bytes() == output.read_bytes()


def limit_file_size() -> None:
    """What this process and its children may write to a file: 4 kB."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("form", ["table", "json", "csv", "jsonl", "parquet"])
def test_a_disk_that_is_full(tiny: Path, tmp_path: Path, speech: Waveform, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    many(tmp_path / "clips", speech, 60)
    result = subprocess.run(
        [*COMMAND, "--model", str(tiny), str(tmp_path / "clips"), "--exclude", "*7.wav",
         "--format", form, "--output", str(tmp_path / "o")],
        capture_output=True,
        text=True,
        preexec_fn=limit_file_size,
    )  # fmt: skip
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: can't write {str(tmp_path / 'o')!r}: File too large; free")
    left = {path.name for path in tmp_path.iterdir()} - {"clips"}
    assert left == ({".o.part"} if form == "jsonl" else set())  # for --resume


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "args",
    [
        ("--format", "table"),
        ("--format", "json"),
        ("--format", "jsonl"),
        ("--format", "csv"),
        ("models", "list"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_a_standard_output_that_is_full(
    tiny: Path, speech_path: Path, args: tuple[str, ...]
) -> None:
    judged = ["--model", str(tiny), str(speech_path)] if args[0] == "--format" else []
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*COMMAND, *args, *judged], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 1
    assert result.stderr == (
        "error: can't write to standard output: No space left on device; free space or write "
        "elsewhere\n"
    )


def test_a_process_without_standard_streams(tiny: Path, speech_path: Path, tmp_path: Path) -> None:
    judge = shlex.join([*COMMAND, "--model", str(tiny), "--format", "csv"])
    path = shlex.quote(str(speech_path))

    def in_shell(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )

    refused = in_shell(f"{judge} {path} >&-")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: can't write to standard output: Bad file descriptor;")
    assert len(refused.stderr.splitlines()) == 1
    assert in_shell(f"{judge} {path} --output {tmp_path}/all <&- >&- 2>&-").returncode == 0
    dropped = in_shell(f"{judge} {path} 2>&-")
    assert (dropped.returncode, dropped.stdout) == (0, (tmp_path / "all").read_text())
    for nothing in ("-", "--files-from -"):
        assert "Traceback" not in in_shell(f"{judge} {nothing} <&-").stderr


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_pipe_that_nobody_reads(tiny: Path, tmp_path: Path, speech: Waveform, form: str) -> None:
    many(tmp_path / "clips", speech, 5)
    command = [*COMMAND, "--model", str(tiny), str(tmp_path / "clips"), "--format", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_closed_pipe_is_no_error(tiny: Path, tmp_path: Path, speech: Waveform) -> None:
    many(tmp_path / "clips", speech, 40)
    command = [*COMMAND, "--model", str(tiny), str(tmp_path / "clips"), "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["source"].endswith("0000.wav")
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_the_timeline_stands_below_the_table(tiny: Path, tmp_path: Path, speech_path: Path) -> None:
    result = run("--model", tiny, speech_path, "--timeline", "--mode", "windows", "--window", "2",
                 "--hop", "1")  # fmt: skip
    assert result.returncode == 0
    table, _, timeline = result.stdout.partition("\n\n")
    assert "confidence" in table
    name, bar, *segments = timeline.splitlines()
    assert name == str(speech_path)
    assert len(bar) == 80
    assert segments[0].startswith("  0:00-0:0")
    assert segments[-1].split()[0].endswith("-0:05")


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_name_that_is_no_utf8(
    tiny: Path, tmp_path: Path, speech_path: Path, form: str, listed: bool
) -> None:
    name = bytes(tmp_path) + b"/caf\xe9.opus"
    Path(os.fsdecode(name)).write_bytes(speech_path.read_bytes())
    (tmp_path / "names").write_bytes(name + b"\n" + bytes(tmp_path) + b"/\xff.wav\n")
    given = (
        ["--files-from", tmp_path / "names"] if listed else [name, bytes(tmp_path) + b"/\xff.wav"]
    )
    result = subprocess.run(
        [*COMMAND, "--model", tiny, *given, "--format", form], capture_output=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith(b"error: no file '")
    assert b"\\udcff.wav'; check the path\n" in result.stderr
    if form in ("table", "csv"):
        assert name in result.stdout
        return
    records = (
        [json.loads(line) for line in result.stdout.splitlines()]
        if form == "jsonl"
        else (json.loads(result.stdout)["results"])
    )
    assert [os.fsencode(record["source"]) for record in records] == [
        name, bytes(tmp_path) + b"/\xff.wav",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def lengthy(speech: Waveform, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Four clips, a broken one, and one that is judged for long."""
    folder = tmp_path_factory.mktemp("lengthy")
    names = many(folder / "clips", speech, 4)
    (folder / "broken.wav").write_bytes(b"broken")
    soundfile.write(folder / "long.wav", np.resize(speech, 300 * 16_000), 16_000)
    return [*names, str(folder / "broken.wav"), str(folder / "long.wav")]


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "parquet"])
@pytest.mark.parametrize("into_file", [False, True])
def test_an_interrupt_keeps_what_is_done(
    tiny: Path, lengthy: list[str], tmp_path: Path, form: str, into_file: bool
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
        if not into_file:
            return
    output = tmp_path / "o"
    command = [*COMMAND, "--model", str(tiny), *lengthy, "--hop", "0.1", "--format", form]
    process = subprocess.Popen(
        [*command, *(["--output", str(output)] if into_file else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"error: ")  # the long one is the next
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == b"interrupted: what follows was not answered\n"
    if into_file and form == "jsonl":
        output = tmp_path / ".o.part"
    content = output.read_bytes() if into_file else printed
    assert names_in(content, form) == lengthy[: 4 if form == "table" else 5]


def names_in(content: bytes, form: str) -> list[str]:
    """The sources in results of that form."""
    if form == "table":
        return [line.split()[0].decode() for line in content.splitlines()[1:]]
    if form == "csv":
        return [row["source"] for row in csv.DictReader(io.StringIO(content.decode()))]
    if form == "parquet":
        from pyarrow.parquet import read_table

        names: list[str] = read_table(io.BytesIO(content))["source"].to_pylist()
        return names
    if form == "json":
        return [record["source"] for record in json.loads(content)["results"]]
    records = map(json.loads, content.splitlines())
    return [record["source"] for record in records if "source" in record]
