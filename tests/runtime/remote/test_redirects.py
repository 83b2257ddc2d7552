"""Redirects, followed and refused."""

import pytest

from edge_detect import errors
from tests.runtime.remote.client import answer_once, fetch, limits
from tests.runtime.site import Site, redirect, reply


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
