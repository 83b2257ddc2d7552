"""Audio from the web: what is fetched, and every way in which it is refused."""

import io
import json
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detect import Detector, Fetching, errors, remote
from edge_detect.audio import load_audio
from edge_detect.fetching import is_public
from tests.conftest import serve_folder
from tests.runtime.site import Answer, Site, chunked, redirect, reply, serve

RATE = 16_000
LOCAL = Fetching(allow_hosts=("127.0.0.1",))


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with serve() as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Site:
    shared.answers.clear()
    shared.requests.clear()
    return shared


@pytest.fixture(scope="module")
def content(speech_path: Path) -> bytes:
    return speech_path.read_bytes()


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket, "socket", refuse)


def fetch(url: str, fetching: Fetching = LOCAL) -> bytes:
    """The content of an address."""
    with remote.open_url(url, fetching) as file:
        return file.read()


def limits(**changes: Any) -> Fetching:
    """Limits for the test's own server."""
    return Fetching(allow_hosts=("127.0.0.1",), **changes)


def answer_once(site: Site, answer: Answer) -> str:
    """An address with that answer."""
    site.answers["/a"] = answer
    return site.url("/a")


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208, a Path would open one more


# What comes when all is well.


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


# Addresses that may not be fetched.

PRIVATE = [
    "127.0.0.1", "127.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1",
    "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "１２７.0.0.1",
    "127。0。0。1",
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1", "240.0.0.1",
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16",
    "224.0.0.1", "239.255.255.250", "255.255.255.255", "192.88.99.1",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::8.8.8.8]", "[2002:7f00:1::1]", "[2002:808:808::1]", "[2001::7f00:1]",
    "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]",
    "[fec0::1]", "[ff02::1]", "[ff0e::1]", "[100::1]",
]  # fmt: skip


@pytest.mark.usefixtures("no_connection")
@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_addresses_are_refused(scheme: str, host: str) -> None:
    with pytest.raises(errors.UrlRefused, match="not on the public internet") as caught:
        load_audio(f"{scheme}://{host}:8080/a.wav", RATE)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "100.63.255.255", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.usefixtures("no_connection")
@pytest.mark.parametrize(
    "url",
    [
        "http://good.example@127.0.0.1/secret",
        "http://user:secret@good.example/",
        "http://user:sec/ret@good.example/",
        "http://good.example\\@127.0.0.1/",
        "http://127.0.0.1\\@good.example/",
        "http://user:secret@[::1/",
        "ftp://user:secret@good.example/",
        "http://@good.example/",
    ],
)
def test_credentials_are_refused_and_never_repeated(url: str, tiny: Path) -> None:
    with pytest.raises(errors.UrlRefused) as caught:
        load_audio(url, RATE)
    assert "ret@" not in caught.value.message
    assert "user" not in caught.value.message.partition(" ")[0]
    [failure] = Detector.load(tiny, device="cpu").predict_batch([url])
    assert failure.source == url


@pytest.mark.usefixtures("no_connection")
@pytest.mark.parametrize(
    "url",
    [
        "ftp://good.example/a.wav", "s3://bucket/a.wav", "file:///etc/passwd", "gopher://x/",
        "http://", "http:///a.wav", "http://:80/", "http://./", "http://good..example/",
        "http://good.example:99999/", "http://good.example:x/", "http://good example/",
        "http://%31%32%37.0.0.1/", "http://[::1", "http://[fe80::1%25eth0]/",
        "http://127.0.0.1\\.good.example/", "http://good.example／a/", "http://-/\n",
        "http://good.example/\r\nX: y", "http://good.example/\0", "http://\udcff.example/",
        "http://" + "a" * 64 + ".example/", "http://" + "ü." * 10_000 + "example/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_file(url: str) -> None:
    started = time.monotonic()
    with pytest.raises(errors.UrlRefused) as caught:
        load_audio(url, RATE)
    assert "\n" not in caught.value.message
    assert time.monotonic() - started < 3


def test_a_path_is_always_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, containers: dict[str, Path]
) -> None:
    path = tmp_path / "http:" / "127.0.0.1" / "a.wav"
    path.parent.mkdir(parents=True)
    shutil.copy(containers["wav"], path)
    monkeypatch.chdir(tmp_path)
    assert len(load_audio(Path("http://127.0.0.1/a.wav"), RATE)) > RATE


class Resolver:
    """Stands in for socket.getaddrinfo; each look-up takes the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.hosts: list[str] = []

    def __call__(self, host: str, port: int, **kwargs: object) -> list[Any]:
        self.hosts.append(host)
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (families[ip_address(address).version], socket.SOCK_STREAM, 0, "", (address, port))
            for address in self.answers.pop(0)
        ]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Resolver]:
    def install(*answers: list[str]) -> Resolver:
        resolver = Resolver(*answers)
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        return resolver

    return install


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, site: Site) -> list[tuple[str, int]]:
    """Where a connection was asked for; the test's own server takes them all."""
    asked = []

    class Diverted(socket.socket):
        def connect(self, address: Any) -> None:
            asked.append(address)
            super().connect(("127.0.0.1", site.port))

    monkeypatch.setattr(socket, "socket", Diverted)
    return asked


def test_the_checked_address_is_the_one_connected_to(
    site: Site, resolve: Callable[..., Resolver], connections: list[tuple[str, int]]
) -> None:
    site.answers["/a"] = reply(b"abc")
    resolver = resolve(["8.8.8.8", "8.8.4.4"], ["127.0.0.1"])
    assert fetch("http://rebinding.example/a", Fetching()) == b"abc"
    assert resolver.hosts == ["rebinding.example"]  # the second answer was never asked for
    assert connections == [("8.8.8.8", 80)]
    assert "Host: rebinding.example\r\n" in site.requests[0]


def test_each_redirect_is_looked_up_and_checked_anew(
    site: Site, resolve: Callable[..., Resolver], connections: list[tuple[str, int]]
) -> None:
    site.answers["/a"] = redirect("/b")
    resolver = resolve(["8.8.8.8"], ["169.254.169.254"])
    with pytest.raises(errors.UrlRefused, match="rebinding"):
        fetch("http://rebinding.example/a", Fetching())
    assert resolver.hosts == ["rebinding.example", "rebinding.example"]
    assert connections == [("8.8.8.8", 80)]


@pytest.mark.usefixtures("no_connection")
@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "10.0.0.1"], ["::1", "8.8.8.8"], ["2606:4700::1111", "fd00::1"]]
)
def test_one_private_address_among_public_ones(
    resolve: Callable[..., Resolver], addresses: list[str]
) -> None:
    resolve(addresses)
    with pytest.raises(errors.UrlRefused):
        fetch("http://mixed.example/a", Fetching())


def test_the_next_address_is_tried(
    site: Site, resolve: Callable[..., Resolver], unused_port: int
) -> None:
    site.answers["/a"] = reply(b"abc")
    resolve(["127.0.0.2", "127.0.0.1"])  # the site listens on 127.0.0.1 alone
    url = f"http://two.example:{site.port}/a"
    assert fetch(url, Fetching(allow_hosts=("two.example",))) == b"abc"


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("allowed", ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example"])
def test_hosts_in_other_scripts(site: Site, resolve: Callable[..., Resolver], allowed: str) -> None:
    site.answers["/a"] = reply(b"abc")
    resolver = resolve(["127.0.0.1"])
    url = f"http://Bücher.example:{site.port}/a"
    assert fetch(url, Fetching(allow_hosts=(allowed,))) == b"abc"
    assert resolver.hosts == ["xn--bcher-kva.example"]
    assert f"Host: xn--bcher-kva.example:{site.port}\r\n" in site.requests[0]


@pytest.mark.parametrize(
    ("allowed", "url", "allows"),
    [
        ("127.0.0.1", "http://127.0.0.1:{}/a", True),
        ("127.0.0.1:{}", "http://127.0.0.1:{}/a", True),
        ("127.0.0.1:1", "http://127.0.0.1:{}/a", False),
        ("127.0.0.1", "http://localhost:{}/a", False),
        ("localhost", "http://LOCALHOST.:{}/a", True),
        ("localhost", "http://127.0.0.1:{}/a", False),
        ("::1", "http://127.0.0.1:{}/a", False),
        ("[::ffff:127.0.0.1]:{}", "http://[::ffff:7f00:1]:{}/a", True),
    ],
)
def test_allowed_hosts(site: Site, allowed: str, url: str, allows: bool) -> None:
    site.answers["/a"] = reply(b"abc")
    fetching = Fetching(allow_hosts=(allowed.format(site.port),))
    if allows:
        assert fetch(url.format(site.port), fetching) == b"abc"
    else:
        with pytest.raises(errors.UrlRefused):
            fetch(url.format(site.port), fetching)
        assert not site.requests


@pytest.mark.parametrize(
    "limit",
    [
        {"max_bytes": 0}, {"seconds": 0.0}, {"seconds": float("nan")}, {"stall_seconds": -1.0},
        {"redirects": -1}, {"allow_hosts": ("http://x/",)}, {"allow_hosts": ("",)},
        {"allow_hosts": ("x:y",)}, {"allow_hosts": ("a b",)},
    ],
    ids=str,
)  # fmt: skip
def test_limits_that_make_no_sense(limit: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"positive|no host"):
        Fetching(**limit)


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/b/c?d", "c?d", "{}/b/c?d", "//{host}/b/c?d#fragment"])
def test_redirects_are_followed(site: Site, status: int, location: str) -> None:
    base = site.url("")
    location = location.format(base, host=base.removeprefix("http://"))
    site.answers = {"/b/a": redirect(location, f"{status} Moved"), "/b/c": reply(b"abc")}
    assert fetch(site.url("/b/a#x")) == b"abc"
    assert site.targets() == ["/b/a", "/b/c?d"]


def test_a_redirect_in_utf8(site: Site) -> None:
    site.answers = {"/a": redirect("/é".encode().decode("latin-1")), "/%C3%A9": reply(b"abc")}
    assert fetch(site.url("/a")) == b"abc"


def test_how_many_redirects(site: Site) -> None:
    site.answers = {f"/{n}": redirect(f"/{n + 1}") for n in range(6)} | {"/6": reply(b"abc")}
    assert fetch(site.url("/1")) == b"abc"
    with pytest.raises(errors.DownloadFailed, match="more than 5 times"):
        fetch(site.url("/0"))
    assert len(site.requests) == 6 + 6
    assert fetch(site.url("/6"), limits(redirects=0)) == b"abc"


def test_redirects_in_a_circle(site: Site) -> None:
    site.answers = {"/a": redirect("/b"), "/b": redirect("/a")}
    with pytest.raises(errors.DownloadFailed, match="more than 5 times"):
        fetch(site.url("/a"))
    assert len(site.requests) == 6


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.1", "169.254.169.254", "2130706433"])
def test_a_redirect_into_the_private_network(site: Site, host: str) -> None:
    url = answer_once(site, redirect(f"http://{host}:{site.port}/secret"))
    with pytest.raises(errors.UrlRefused, match="not on the public internet"):
        fetch(url)
    assert site.targets() == ["/a"]


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "ftp://127.0.0.1/a", "data:audio/wav;base64,AAAA", "javascript:x",
        "http://user:secret@127.0.0.1/", "http://[::1", "http://127.0.0.1:x/", "http://./",
    ],
)  # fmt: skip
def test_a_redirect_to_nowhere(site: Site, location: str) -> None:
    url = answer_once(site, redirect(location))
    with pytest.raises(errors.UrlRefused, match="redirects to") as caught:
        fetch(url)
    assert "secret" not in caught.value.message
    assert site.targets() == ["/a"]


@pytest.mark.parametrize("answer", [reply(b"", status="302 Found"), redirect("")])
def test_a_redirect_that_does_not_say_where_to(site: Site, answer: bytes) -> None:
    with pytest.raises(errors.DownloadFailed, match="without saying where"):
        fetch(answer_once(site, answer))


# Answers that are no file.


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


# Limits of size and time.


def repeat(head: bytes, block: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    """An answer that never ends."""

    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(block)
            time.sleep(pause)

    return send


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


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, and its key, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", path, "-out", path.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def secure_site(certificate: Path) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve(context, "localhost") as site:
        yield site


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(remote, "tls_context", lambda: context)


LOCALHOST = Fetching(allow_hosts=("localhost", "127.0.0.1"))


@pytest.mark.usefixtures("trusted")
def test_a_trusted_certificate(secure_site: Site) -> None:
    secure_site.answers["/a"] = reply(b"abc")
    assert fetch(secure_site.url("/a"), LOCALHOST) == b"abc"


def test_an_untrusted_certificate(secure_site: Site) -> None:
    with pytest.raises(errors.DownloadFailed, match=r"not to be trusted \(self"):
        fetch(secure_site.url("/a"), LOCALHOST)
    assert not secure_site.requests


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_host(secure_site: Site) -> None:
    secure_site.host = "127.0.0.1"
    with pytest.raises(errors.DownloadFailed, match="certificate is not to be trusted"):
        fetch(secure_site.url("/a"), LOCALHOST)
    assert not secure_site.requests


@pytest.mark.usefixtures("trusted")
def test_from_https_to_http(secure_site: Site, site: Site) -> None:
    site.answers["/b"] = reply(b"abc")
    secure_site.answers["/a"] = redirect(site.url("/b"))
    with pytest.raises(errors.UrlRefused, match="from https to http"):
        fetch(secure_site.url("/a"), LOCALHOST)
    assert not site.requests


def test_no_tls_where_it_is_expected(site: Site) -> None:
    url = answer_once(site, reply(b"abc")).replace("http:", "https:")
    with pytest.raises(errors.DownloadFailed, match=r"TLS failed|closed|reset"):
        fetch(url)


def test_a_handshake_that_never_comes(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/a"
        with pytest.raises(errors.DownloadTimeout):
            fetch(url, limits(stall_seconds=0.2))


# The command.


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
    site.answers = {"/big": reply(bytes(1_000_001)), "/slow": DRIPS["content"]}
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


def test_a_damaged_file_from_an_address(site: Site, containers: dict[str, Path]) -> None:
    cut = containers["wav"].read_bytes()[:100_000]
    with pytest.warns(errors.TruncatedAudio, match="damaged or cut off"):
        waveform = load_audio(answer_once(site, reply(cut)), RATE, LOCAL)
    whole = load_audio(io.BytesIO(containers["wav"].read_bytes()).getvalue(), RATE)
    np.testing.assert_array_equal(waveform, whole[: len(waveform)])
