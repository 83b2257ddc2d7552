"""A web server that answers as a test likes, and what fails where none may be asked."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.site import Site, serve


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


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
