"""The shell's completion: the script, and what is offered for a line that was begun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("edge-detect")


def shell(script: str, **environment: str) -> str:
    """What bash prints, where edge-detect is on the PATH."""
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, **environment},
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def offered(line: str) -> list[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    script = (
        'eval "$(edge-detect --show-completion)"\n'
        f"COMP_WORDS=({' '.join(repr(word) for word in words)})\n"
        f"COMP_CWORD={len(words) - 1}\n"
        '_edge_detect_completion edge-detect && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return [word for word in shell(script).splitlines() if word]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("edge-detect mod", ["models"]),
        ("edge-detect --model", ["--model"]),
        ("edge-detect --vers", ["--version"]),
        ("edge-detect --model comp", ["compact"]),
        ("edge-detect --format j", ["json", "jsonl"]),
        ("edge-detect clip.wav --prec", ["--precision"]),
        ("edge-detect bench --sec", ["--seconds"]),
        ("edge-detect models re", ["remove"]),
        ("edge-detect models show comp", ["compact"]),
        ("edge-detect models pull --sha", ["--sha256"]),
        ("edge-detect export --classifier-r", ["--classifier-revision"]),
        ("edge-detect train --gr", ["--groups"]),
    ],
)
def test_what_is_offered(line: str, words: list[str]) -> None:
    assert offered(line) == words


@pytest.mark.parametrize("line", ["edge-detect tests/da", "edge-detect clip.wav tests/da"])
def test_files_are_left_to_the_shell(line: str) -> None:
    assert offered(line) == []
    registered = shell('eval "$(edge-detect --show-completion)"; complete -p edge-detect')
    assert "-o default" in registered  # readline's own, of files, where nothing else is offered


def test_each_name_is_offered_once() -> None:
    names = offered("edge-detect --")
    assert {"--help", "--version", "--model", "--format"} <= {*names}
    assert len(names) == len({*names})
    assert {"bundle", "models", "export", "train"} <= {*offered("edge-detect ")}


def test_the_script_is_installed(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert "bash completion installed" in shell("edge-detect --install-completion; true", **home)
    assert "-F _edge_detect_completion" in shell(
        "source ~/.bashrc; complete -p edge-detect", **home
    )


def test_zsh() -> None:
    def answer(instruction: str, line: str = "") -> str:
        environment = {"_EDGE_DETECT_COMPLETE": instruction, "_TYPER_COMPLETE_ARGS": line}
        return shell("edge-detect", **environment)

    assert "#compdef edge-detect" in answer("source_zsh")
    assert answer("complete_zsh", "edge-detect mod").startswith("""_arguments '*: :(("models":""")
    assert '"--model":"Model package."' in answer("complete_zsh", "edge-detect --model")
    assert answer("complete_zsh", "edge-detect tests/da") == "_files\n"
