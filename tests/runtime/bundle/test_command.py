"""The commands, from one machine to another."""

from pathlib import Path

import pytest

from edge_detect.placement import remove
from edge_detect.store import DATA_VARIABLE, file_sha256, shipped_root
from tests.runtime.site import reply, serve
from tests.runtime.test_cli import run


def test_from_one_machine_to_another(tiny: Path, tmp_path: Path, speech_path: Path) -> None:
    archive, there = tmp_path / "tiny.tar.gz", {DATA_VARIABLE: str(tmp_path / "there")}
    written = run("bundle", tiny, "--output", archive)
    digest = file_sha256(archive)
    assert (written.returncode, written.stdout) == (0, f"{digest}  {archive}\n")

    folder = tmp_path / "there" / "edge-detect" / "models" / "tiny"
    added = run("models", "add", archive, "--sha256", digest.upper(), **there)
    assert (added.returncode, added.stderr, added.stdout) == (0, "", f"tiny\t{folder}\n")
    assert f"tiny\t{folder}" in run("models", "list", **there).stdout.splitlines()
    assert run("models", "path", "tiny", **there).stdout == f"{folder}\n"
    assert run("--model", "tiny", speech_path, **there).returncode == 0

    twice = run("models", "add", archive, **there)
    assert (twice.returncode, twice.stdout) == (3, "")
    assert "is there already" in twice.stderr
    removed = run("models", "remove", "tiny", **there)
    assert (removed.returncode, removed.stdout) == (0, f"removed {folder}\n")
    assert run("models", "path", "tiny", **there).returncode == 3


def test_a_shipped_model_is_hidden_until_the_other_is_removed(tmp_path: Path) -> None:
    there = {DATA_VARIABLE: str(tmp_path)}
    run("bundle", "compact", "--output", tmp_path / "compact.tar.gz")
    added = run("models", "add", tmp_path / "compact.tar.gz", **there)
    shipped = shipped_root() / "compact"
    assert added.returncode == 0
    assert added.stderr == f"warning: it hides the model of that name in {shipped}\n"
    assert run("models", "remove", "compact", **there).returncode == 0
    assert run("models", "path", "compact", **there).stdout == f"{shipped}\n"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("models", "remove", "compact"), 3),
        (("models", "remove", "nonsense"), 3),
        (("models", "path", "nonsense"), 3),
        (("models", "add", "no.tar.gz"), 3),
        (("models", "add", "."), 3),
        (("models", "add", "https://example.org/tiny.tar.gz"), 3),
        (("models", "pull", "tiny.tar.gz"), 1),
        (("models", "pull", "http://127.0.0.1:1/tiny.tar.gz"), 1),
        (("bundle", "nonsense", "--output", "x.tar.gz"), 3),
        (("bundle", "compact", "--output", "no/such/folder/x.tar.gz"), 1),
    ],
)
def test_every_failure_is_one_line(args: tuple[str, ...], code: int) -> None:
    result = run(*args)
    assert (result.returncode, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")


@pytest.mark.parametrize(
    "args",
    [
        ("bundle", "compact"),
        ("models", "add", "x.tar.gz", "--sha256", "123"),
        ("models", "pull", "https://example.org/x", "--allow-host", "a/b"),
    ],
)
def test_usage_errors(args: tuple[str, ...]) -> None:
    result = run(*args)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_bundle_from_an_address(archive: Path, root: Path) -> None:
    digest = file_sha256(archive)
    with serve() as site:
        site.answers["/tiny.tar.gz"] = reply(archive.read_bytes())
        site.answers["/page"] = reply(b"<html>", "Content-Type: text/html")
        pull = ("models", "pull", site.url("/tiny.tar.gz"))
        local = ("--allow-host", "127.0.0.1")

        private = run(*pull)
        assert (private.returncode, "--allow-host" in private.stderr) == (1, True)
        other = run(*pull, *local, "--sha256", "0" * 64)
        assert (other.returncode, f"has sha256 {digest}, not 0000" in other.stderr) == (3, True)
        page = run("models", "pull", site.url("/page"), *local)
        assert (page.returncode, "is a web page" in page.stderr) == (1, True)
        assert not root.exists()

        pulled = run(*pull, *local)
        lines = [f"tiny\t{root / 'tiny'}", f"next time: --sha256 {digest}"]
        assert (pulled.stderr, pulled.stdout.splitlines()) == ("", lines)
        remove("tiny")
        pinned = run(*pull, *local, "--sha256", digest)
        assert (pinned.stderr, pinned.stdout.splitlines()) == ("", lines[:1])
