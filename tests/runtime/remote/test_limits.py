"""Limits of size and time, and of the room for a file."""

import resource
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest

from edge_detect import Fetching, errors
from tests.runtime.remote.client import answer_once, fetch, limits
from tests.runtime.site import Site, redirect, repeat, reply

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

FLOODS = {
    "no length": repeat(OK + b"\r\n", bytes(10_000)),
    "a length": repeat(reply(b"", length=10**12), bytes(10_000)),
    "chunks": repeat(CHUNKED, b"1000\r\n" + bytes(0x1000) + b"\r\n"),
    "small chunks": repeat(CHUNKED, b"1\r\nx\r\n" * 1000),
    "one chunk": repeat(CHUNKED + b"ffffffffff\r\n", bytes(10_000)),
    "a negative chunk": repeat(CHUNKED + b"-1\r\n", bytes(10_000)),
    "a trailer": repeat(CHUNKED + b"0\r\n", b"X: y\r\n" * 1000),
    "100 Continue": repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_more_than_the_limit(site: Site, kind: str) -> None:
    url = answer_once(site, FLOODS[kind])
    with pytest.raises(errors.DownloadTooLarge, match=r"larger than 0\.5 MB"):
        fetch(url, limits(max_bytes=500_000))


def test_a_file_of_just_the_limit(site: Site) -> None:
    url = answer_once(site, reply(bytes(100_000)))
    assert len(fetch(url, limits(max_bytes=100_000))) == 100_000
    with pytest.raises(errors.DownloadTooLarge):
        fetch(url, limits(max_bytes=99_999))


DRIPS = {
    "status line": repeat(b"HTTP/1.1 200 ", b"O", 0.05),
    "headers": repeat(OK, b"X: y\r\n", 0.05),
    "content": repeat(reply(b"", length=10**6), b"x", 0.05),
    "no length": repeat(OK + b"\r\n", b"x", 0.05),
    "chunk": repeat(CHUNKED + b"ffff\r\n", b"x", 0.05),
    "chunk size": repeat(CHUNKED, b"0", 0.05),
}


@pytest.mark.parametrize("kind", DRIPS)
def test_a_slow_drip(site: Site, kind: str) -> None:
    url = answer_once(site, DRIPS[kind])
    started = time.monotonic()
    with pytest.raises(errors.DownloadTimeout, match=r"longer than 0\.4 s; allow more"):
        fetch(url, limits(seconds=0.4, stall_seconds=0.3))
    assert 0.4 <= time.monotonic() - started < 3


@pytest.mark.parametrize("sent", [b"", OK, reply(b"abc", length=1000)])
def test_a_server_that_falls_silent(site: Site, sent: bytes) -> None:
    def stop(connection: socket.socket) -> None:
        connection.sendall(sent)
        connection.recv(1)  # until the client leaves

    url = answer_once(site, stop)
    started = time.monotonic()
    with pytest.raises(errors.DownloadTimeout, match=r"sent nothing for 0\.2 s"):
        fetch(url, limits(stall_seconds=0.2))
    assert 0.2 <= time.monotonic() - started < 3


def test_the_time_runs_on_over_redirects(site: Site) -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.15)
        connection.sendall(redirect("/a"))

    with pytest.raises(errors.DownloadTimeout, match=r"longer than 0\.4 s"):
        fetch(answer_once(site, slow), limits(seconds=0.4, redirects=100))


def test_a_resolver_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: done.wait(10))
    started = time.monotonic()
    with pytest.raises(errors.DownloadTimeout):
        fetch("http://slow.example/a.wav", Fetching(seconds=0.2))
    assert time.monotonic() - started < 3
    done.set()


def test_no_room_for_the_file(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = answer_once(site, reply(bytes(200_000)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(errors.DownloadFailed, match="File too large; make room"):
            fetch(url)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(errors.DownloadFailed, match="TMPDIR"):
        fetch(url)
