"""Answers that are no file."""

import socket
import sys
import time

import pytest

from edge_detect import Fetching, errors
from edge_detect.audio import load_audio
from tests.runtime.remote.client import LOCAL, RATE, answer_once, fetch
from tests.runtime.site import Site, chunked, reply


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("404 Not Found", "404 Not Found; check the address"),
        ("404 \x1b[31mred", "404 Not Found; check"),
        ("410 x", "410 Gone; check"),
        ("401 x", "401 Unauthorized; it wants a login"),
        ("403 x", "403 Forbidden; it wants a login"),
        ("429 x", "429 Too Many Requests; try again later"),
        ("500 x", "500 Internal Server Error; try again later"),
        ("503 x", "503 Service Unavailable; try again later"),
        ("599 x", "599; try again later"),
        ("204 x", "204 No Content"),
        ("206 x", "206 Partial Content"),
        ("304 x", "304 Not Modified"),
        ("999 x", "999; check"),
    ],
)
def test_another_status(site: Site, content: bytes, status: str, text: str) -> None:
    url = answer_once(site, reply(content, status=status))
    with pytest.raises(errors.DownloadFailed) as caught:
        fetch(url)
    assert caught.value.message.startswith(f"{url!r} answers {text}")


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"OggS", "Content-Type: text/html"),
        reply(b"OggS", "Content-Type: Text/HTML; charset=utf-8"),
        reply(b"OggS", "Content-Type: application/xhtml+xml"),
        reply(b"<!DOCTYPE html><p>Log in", "Content-Type: audio/wav"),
        reply(b"\xef\xbb\xbf \n<HTML lang=en>"),
        chunked(b"<html>"),
    ],
)
def test_a_web_page(site: Site, answer: bytes) -> None:
    with pytest.raises(errors.UnsupportedAudio, match=r"web page .* address of the file itself"):
        fetch(answer_once(site, answer))


def test_other_text_is_no_audio(site: Site) -> None:
    url = answer_once(site, reply(b'{"error": "expired"}', "Content-Type: application/json"))
    with pytest.raises(errors.UnsupportedAudio, match="convert it"):
        load_audio(url, RATE, LOCAL)


@pytest.mark.parametrize("answer", [reply(b""), chunked(), b"HTTP/1.1 200 OK\r\n\r\n"])
def test_nothing_comes(site: Site, answer: bytes) -> None:
    with pytest.raises(errors.EmptyFile, match="zero bytes"):
        fetch(answer_once(site, answer))


@pytest.mark.parametrize(
    "header",
    ["Content-Encoding: gzip", "Content-Encoding: br", "Transfer-Encoding: gzip, chunked"],
)
def test_compressed_content(site: Site, header: str) -> None:
    with pytest.raises(errors.DownloadFailed, match="compressed"):
        fetch(answer_once(site, reply(b"abc", header)))


@pytest.mark.parametrize("answer", [reply(b"abc", length=1000), chunked(b"abc", end=b"5\r\nab")])
def test_a_length_that_is_never_reached(site: Site, answer: bytes) -> None:
    with pytest.raises(errors.DownloadFailed, match="cut off"):
        fetch(answer_once(site, answer))


@pytest.mark.parametrize("length", [0, 3])
@pytest.mark.parametrize("pause", [0, 0.1])
def test_a_length_that_is_passed(site: Site, length: int, pause: float) -> None:
    def lie(connection: socket.socket) -> None:
        connection.sendall(reply(b"abc"[:length]))
        time.sleep(pause)
        connection.sendall(b"def")

    with pytest.raises(errors.DownloadFailed, match=f"more than the {length} bytes"):
        fetch(answer_once(site, lie))


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x01\x02" * 1000,
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"<html>HTTP/0.9</html>",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"y" * 100_000 + b"\r\n\r\n",
        chunked(end=b"-5\r\nabc"),
    ],
    ids=["binary", "ssh", "0.9", "no status", "odd status", "2.0", "headers", "header", "line",
         "negative chunk"],
)  # fmt: skip
def test_what_is_no_http(site: Site, answer: bytes) -> None:
    with pytest.raises(errors.DownloadFailed, match="no proper HTTP"):
        fetch(answer_once(site, answer))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_server_that_hangs_up(site: Site, answer: bytes) -> None:
    url = answer_once(site, answer)
    if answer:  # what http.client takes for the end of the headers leaves nothing as content
        with pytest.raises(errors.EmptyFile):
            fetch(url)
    else:
        with pytest.raises(errors.DownloadFailed, match="closed the connection"):
            fetch(url)


def test_a_server_that_breaks_the_connection(site: Site) -> None:
    def reset(connection: socket.socket) -> None:
        connection.sendall(reply(b"abc", length=1000))
        time.sleep(0.1)
        linger = (1).to_bytes(4, sys.byteorder) + bytes(4)  # close with RST
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with pytest.raises(errors.DownloadFailed, match="Connection reset"):
        fetch(answer_once(site, reset))


def test_nobody_listens(unused_port: int) -> None:
    with pytest.raises(errors.DownloadFailed, match="Connection refused"):
        fetch(f"http://127.0.0.1:{unused_port}/a")


def test_a_host_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(errors.DownloadFailed, match="its host has no address"):
        fetch("http://nowhere.example/a.wav", Fetching())
