"""Addresses given to the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.remote.client import answer_once
from tests.runtime.site import Site, repeat, reply


def run(*args: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a whole process."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "edge_detect", "--format", "jsonl", *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_addresses_among_files(
    site: Site, tiny: Path, speech_path: Path, content: bytes, unused_port: int
) -> None:
    site.answers = {"/a": reply(content), "/b": reply(b"", status="404 x")}
    sources = [site.url("/a?token=x#y"), str(speech_path), site.url("/b"), "no.wav"]
    proxy = f"http://127.0.0.1:{unused_port}"
    result = run("--model", tiny, "--allow-host", "x.example", "--allow-host", "127.0.0.1",
                 *sources, http_proxy=proxy, HTTP_PROXY=proxy)  # fmt: skip
    results = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["source"] for r in results] == sources
    assert results[0]["probabilities"] == results[1]["probabilities"]
    assert [r["error"]["type"] for r in results[2:]] == ["download_failed", "file_not_found"]
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 2


def test_the_command_refuses_private_hosts_by_itself(site: Site, tiny: Path) -> None:
    result = run("--model", tiny, answer_once(site, reply(b"abc")))
    assert json.loads(result.stdout)["error"]["type"] == "url_refused"
    assert not site.requests


def test_limits_of_the_command(site: Site, tiny: Path) -> None:
    site.answers = {
        "/big": reply(bytes(1_000_001)),
        "/slow": repeat(reply(b"", length=10**6), b"x", 0.05),
    }
    options = ("--allow-host", "127.0.0.1", "--max-download", "1", "--download-timeout", "1")
    result = run("--model", tiny, *options, site.url("/big"), site.url("/slow"))
    kinds = [json.loads(line)["error"]["type"] for line in result.stdout.splitlines()]
    assert kinds == ["download_too_large", "download_timeout"]


@pytest.mark.parametrize(
    "option",
    [("--allow-host", "http://x/"), ("--max-download", "0"), ("--download-timeout", "nan")],
)
def test_options_that_make_no_sense(option: tuple[str, str]) -> None:
    result = run(*option, "a.wav")
    assert result.returncode == 2
    assert option[0] in result.stderr
