"""Which addresses are fetched, and which may not be."""

import shutil
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from edge_detect import Detector, Fetching, errors
from edge_detect.audio import load_audio
from edge_detect.fetching import is_public
from tests.runtime.remote.client import RATE, fetch
from tests.runtime.site import Site, redirect, reply

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


def test_the_next_address_is_tried(site: Site, resolve: Callable[..., Resolver]) -> None:
    site.answers["/a"] = reply(b"abc")
    resolve(["127.0.0.2", "127.0.0.1"])  # the site listens on 127.0.0.1 alone
    url = f"http://two.example:{site.port}/a"
    assert fetch(url, Fetching(allow_hosts=("two.example",))) == b"abc"


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
