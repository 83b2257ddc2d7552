"""What comes from an address: the file, or what there is of it."""

import os
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge_detect import Detector, errors
from edge_detect.audio import load_audio
from tests.conftest import serve_folder
from tests.runtime.remote.client import LOCAL, RATE, answer_once, fetch, limits
from tests.runtime.site import Site, chunked, reply


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208, a Path would open one more


def test_an_address_is_judged_as_its_file(site: Site, tiny: Path, speech_path: Path) -> None:
    url = answer_once(site, reply(speech_path.read_bytes(), "Content-Type: audio/ogg"))
    detector = Detector.load(tiny, device="cpu", threads=1, fetching=LOCAL)
    by_url, by_path = detector.predict(url), detector.predict(speech_path)
    assert by_url.source == url
    assert by_url.probabilities == by_path.probabilities
    np.testing.assert_array_equal(detector.embed(url), detector.embed(speech_path))


@pytest.mark.parametrize("ending", ["wav", "m4a", "mp4"])
def test_what_each_decoder_reads(site: Site, containers: dict[str, Path], ending: str) -> None:
    url = answer_once(site, reply(containers[ending].read_bytes()))
    waveform = load_audio(url, RATE, LOCAL)
    np.testing.assert_array_equal(waveform, load_audio(containers[ending], RATE))


def test_from_an_ordinary_server(speech_path: Path) -> None:
    with serve_folder(speech_path.parent) as web:
        url = f"{web.replace('http', 'HTTP')}/{speech_path.name}"
        assert fetch(url) == speech_path.read_bytes()
        with pytest.raises(errors.UnsupportedAudio, match="web page"):
            fetch(url.rpartition("/")[0])
        with pytest.raises(errors.DownloadFailed, match="404 Not Found"):
            fetch(url + "x")


def test_what_is_asked(site: Site) -> None:
    site.answers["/a%20b/%C3%A9%2f"] = reply(b"x")
    fetch(site.url("/a b/é%2f?q=ü&r=[1]#fragment"))
    [head] = site.requests
    line, *fields = head.split("\r\n")
    assert line == "GET /a%20b/%C3%A9%2f?q=%C3%BC&r=[1] HTTP/1.1"
    assert f"Host: 127.0.0.1:{site.port}" in fields
    assert "Accept-Encoding: identity" in fields
    assert "Connection: close" in fields


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nabcdef",
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\nabcdef",
        chunked(b"abc", b"def"),
        chunked(b"abcdef", end=b"0\r\nTrailer: x\r\n\r\n"),
        chunked(b"a", b"bcdef").replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n", 1),
    ],
    ids=["no length", "1.0", "100", "odd length", "chunks", "trailer", "chunks and length"],
)
def test_framing(site: Site, answer: bytes) -> None:
    assert fetch(answer_once(site, answer)) == b"abcdef"


def test_a_server_that_keeps_the_connection_open(site: Site) -> None:
    gone = threading.Event()

    def stay(connection: socket.socket) -> None:
        connection.sendall(reply(b"abcdef"))
        gone.wait(10)

    started = time.monotonic()
    assert fetch(answer_once(site, stay)) == b"abcdef"
    assert time.monotonic() - started < 2
    gone.set()


def test_nothing_stays_behind(
    site: Site, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    good, bad = site.url("/good"), site.url("/bad")
    site.answers = {"/good": reply(content), "/bad": reply(content, length=99_999)}
    fetch(good)  # the modules that are loaded at first use
    before = open_files()
    for _ in range(5):
        load_audio(good, RATE, LOCAL)
        with pytest.raises(errors.DownloadFailed):
            load_audio(bad, RATE, LOCAL)
        with pytest.raises(errors.DownloadTooLarge):
            fetch(good, limits(max_bytes=100))
    patience = time.monotonic() + 5
    while open_files() > before and time.monotonic() < patience:
        time.sleep(0.01)  # the server's own end of the connections
    assert open_files() <= before
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_from_an_address(site: Site, containers: dict[str, Path]) -> None:
    cut = containers["wav"].read_bytes()[:100_000]
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(answer_once(site, reply(cut)), RATE, LOCAL)
    whole = load_audio(containers["wav"], RATE)
    np.testing.assert_array_equal(waveform, whole[: len(waveform)])
