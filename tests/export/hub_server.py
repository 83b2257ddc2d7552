"""A local server that speaks as much of the hub's API as its real client needs for one model."""

import hashlib
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from tests.conftest import QuietHandler, serve_requests


class Hub:
    """One repository at one commit, the requests that came, and how the hub misbehaves."""

    def __init__(self, repository: str, folder: Path) -> None:
        self.repository = repository
        self.files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha1(b"".join(self.files.values()), usedforsecurity=False)
        self.commit = digest.hexdigest()
        self.requests: list[str] = []
        """Method and path of each."""
        self.tokens: set[str | None] = set()
        """What those for the repository carried as `Authorization`."""
        self.large: set[str] = set()
        """Files that the hub keeps by their sha256, as it does with weights."""
        self.cut_after: dict[str, int] = {}
        """Bytes of a file that are sent, each time that it is asked for."""
        self.stall = False
        """Whether the connection is then kept open without a word, not closed."""
        self.stalled, self.resume = threading.Event(), threading.Event()
        self.damaged: dict[str, bytes] = {}
        """Files that are sent with another content than was announced."""
        self.refusal: tuple[int, dict[str, str], bytes] | None = None
        """Answers every request, where set."""

    def answer(
        self, method: str, path: str, token: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request."""
        self.requests.append(f"{method} {path}")
        if path.startswith("/api/"):  # the client asks what it may tell of itself
            return 404, {}, b""
        self.tokens.add(token)
        if self.refusal:
            return self.refusal
        for revision in ("main", self.commit):
            prefix = f"/{self.repository}/resolve/{revision}/"
            if path.startswith(prefix):
                return self.answer_file(method, path.removeprefix(prefix))
        code = "RevisionNotFound" if path.startswith(f"/{self.repository}/") else "RepoNotFound"
        return 404, {"X-Error-Code": code, "X-Error-Message": "not found"}, b"{}"

    def answer_file(self, method: str, name: str) -> tuple[int, dict[str, str], bytes]:
        """A file of the commit, or that there is none."""
        commit = {"X-Repo-Commit": self.commit}
        if name not in self.files:
            return 404, {**commit, "X-Error-Code": "EntryNotFound"}, b""
        content = self.files[name]
        checksum = hashlib.sha256(content).hexdigest() if name in self.large else git_oid(content)
        if method == "GET":
            content = self.damaged.get(name, content)
        return 200, {**commit, "ETag": f'"{checksum}"'}, content

    def interrupt(self, path: str) -> int | None:
        """How many bytes of a path are sent before the connection is cut or stalls."""
        cuts = (size for name, size in self.cut_after.items() if path.endswith(f"/{name}"))
        return next(cuts, None)


def git_oid(content: bytes) -> str:
    """The object id that git gives a file."""
    blob = b"blob %d\0%b" % (len(content), content)
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()


def serve(*hubs: Hub) -> AbstractContextManager[str]:
    """Serve one repository or more on loopback; gives the address."""

    class Handler(QuietHandler):
        def reply(self) -> None:
            named = (hub for hub in hubs if self.path.startswith(f"/{hub.repository}/"))
            hub = next(named, hubs[0])
            status, headers, body = hub.answer(
                self.command, self.path, self.headers["Authorization"]
            )
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.send_body(hub, body)

        def send_body(self, hub: Hub, body: bytes) -> None:
            size = hub.interrupt(self.path)
            self.wfile.write(body[:size])
            if size is not None and hub.stall:
                hub.stalled.set()
                hub.resume.wait(timeout=60)

        do_GET = do_HEAD = reply  # noqa: N815

    return serve_requests(Handler)
