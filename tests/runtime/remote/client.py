"""How the tests of addresses ask, and what they may ask."""

from dataclasses import replace
from typing import Any

from edge_detect import Fetching, remote
from tests.runtime.site import Answer, Site

RATE = 16_000
LOCAL = Fetching(allow_hosts=("127.0.0.1",))


def fetch(url: str, fetching: Fetching = LOCAL) -> bytes:
    """The content of an address."""
    with remote.open_url(url, fetching) as file:
        return file.read()


def limits(**changes: Any) -> Fetching:
    """Limits for the test's own server."""
    return replace(LOCAL, **changes)


def answer_once(site: Site, answer: Answer) -> str:
    """An address with that answer."""
    site.answers["/a"] = answer
    return site.url("/a")
