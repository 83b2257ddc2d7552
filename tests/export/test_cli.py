"""`edge-detect export` and `python -m edge_export`, from a folder and from the hub."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import joblib
import pytest

from edge_detect.detection import verdict_of
from edge_detect.store import open_package
from tests.export.conftest import Exported, save_published
from tests.export.hub_server import Hub, serve
from tests.runtime.conftest import DECISION

COMMANDS = {
    "edge-detect export": ["edge_detect", "export"],
    "python -m edge_export": ["edge_export"],
}
HUB_ID = "someone/wav2vec2-small"


def run(
    command: list[str], *args: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run an export as a whole process, with no hub but the one given."""
    return subprocess.run(
        [sys.executable, "-m", *command, *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        timeout=300,
    )


@pytest.fixture
def published(small: Exported, tmp_path: Path) -> Path:
    return save_published(tmp_path / "published", small.head, joblib.dump)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_from_a_folder(
    small: Exported, published: Path, tmp_path: Path, speech_path: Path, command: list[str]
) -> None:
    out, decision = tmp_path / "my-model", tmp_path / "decision.json"
    decision.write_text(json.dumps(asdict(DECISION)), encoding="utf-8")
    result = run(
        command, "--encoder", small.encoder, "--classifier", published, "--out", out,
        "--bonafide", "class_3", "--licence", "MIT", "--golden", speech_path,
        "--decision", decision,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{out}\n", "")
    manifest = open_package(out).manifest
    assert (manifest.name, manifest.licence) == ("my-model", "MIT")
    assert manifest.bonafide_labels == ("class_3",)
    assert manifest.decision == DECISION
    assert "- Inconclusive: between 0.2 and 0.8\n" in (out / "README.md").read_text(
        encoding="utf-8"
    )
    assert len(manifest.golden) == 1
    verdict = subprocess.run(
        [sys.executable, "-m", "edge_detect", "--model", out, "--format", "json", speech_path],
        capture_output=True,
        check=True,
    )
    [answer] = json.loads(verdict.stdout)["results"]
    assert answer["spoof_probability"] == pytest.approx(
        1 - answer["probabilities"]["class_3"], abs=1e-6
    )
    assert answer["verdict"] == verdict_of(answer["spoof_probability"], DECISION)
    assert list(answer["probabilities"].values()) == pytest.approx(
        manifest.golden[0].probabilities, abs=1e-3
    )  # the golden clip is the same speech in 16 bits


def test_from_the_hub(small: Exported, published: Path, tmp_path: Path) -> None:
    hub = Hub(HUB_ID, small.encoder)
    arguments = ("--encoder", HUB_ID, "--classifier", published)
    with serve(hub) as address:
        online = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
        result = run(
            ["edge_export"], *arguments, "--out", tmp_path / "a", "--cut-silence", **online
        )
        assert result.returncode == 0, result.stderr
        missing = run(
            ["edge_export"], *arguments, "--out", tmp_path / "b", "--revision", "v9", **online
        )
    assert missing.returncode == 1
    assert "v9" in missing.stderr.splitlines()[-1]
    package = open_package(tmp_path / "a")
    assert package.manifest.provenance.encoder == HUB_ID
    assert package.manifest.provenance.encoder_revision == hub.commit
    assert package.manifest.cuts_silence
    assert package.manifest.encoders == open_package(small.package).manifest.encoders
    # A cached model needs no network; another one can't be had without it.
    offline = {"HF_HOME": str(tmp_path / "hf")}
    assert run(["edge_export"], *arguments, "--out", tmp_path / "c", **offline).returncode == 0
    other = run(
        ["edge_export"], "--encoder", "someone/else", *arguments[2:], "--out", tmp_path / "d",
        **offline,
    )  # fmt: skip
    assert other.returncode == 1
    assert "someone/else" in other.stderr


def test_pickled_weights_are_never_asked_for(small: Exported, tmp_path: Path) -> None:
    hub = Hub(HUB_ID, small.encoder)
    hub.files["pytorch_model.bin"] = b"a pickle"
    script = (
        "from edge_export.checkpoint import open_checkpoint\n"
        f"print(sorted(path.name for path in open_checkpoint({HUB_ID!r}).folder.iterdir()))\n"
    )
    with serve(hub) as address:
        environment = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf")}
        result = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
    assert result.stdout == "['config.json', 'model.safetensors', 'preprocessor_config.json']\n"
    assert not any("pytorch_model" in request for request in hub.requests)


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"--encoder": "nowhere"}, "neither a folder nor a hub id"),
        ({"--classifier": "nowhere"}, "neither a folder nor a hub id"),
        ({"--out": "."}, "exists"),
        ({"--decision": "nowhere"}, "nowhere' is no readable JSON"),
    ],
)
def test_an_error_is_one_line(
    small: Exported, published: Path, tmp_path: Path, replace: dict[str, str], message: str
) -> None:
    arguments = {
        "--encoder": str(small.encoder),
        "--classifier": str(published),
        "--out": str(tmp_path / "out"),
        **replace,
    }
    result = run(["edge_detect", "export"], *(word for pair in arguments.items() for word in pair))
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "out").exists()


def test_usage(tmp_path: Path) -> None:
    assert run(["edge_export"], "--out", tmp_path / "out").returncode == 2


def test_without_the_extra(published: Path) -> None:
    script = (
        "import sys; sys.modules['transformers'] = None\n"
        f"arguments = ['--encoder', 'a', '--classifier', {str(published)!r}, '--out', 'c']\n"
        "sys.argv = ['edge-detect', 'export', *arguments]\n"
        "from edge_detect.cli import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.endswith("pip install 'edge-detect[export]'\n")
