"""A local server that speaks as much of the hub's API as its real client needs for one model."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Hub:
    """One repository at one commit, and the paths that were asked for."""

    def __init__(self, repository: str, folder: Path) -> None:
        self.repository = repository
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        digest = hashlib.sha1(b"".join(self.files.values()), usedforsecurity=False)
        self.commit = digest.hexdigest()
        self.requests: list[str] = []

    def answer(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a request."""
        self.requests.append(f"{method} {path}")
        path = path.partition("?")[0]
        for revision in ("main", self.commit):
            if path == f"/api/models/{self.repository}/revision/{revision}":
                return 200, {}, json.dumps(self.info()).encode()
            if path == f"/api/models/{self.repository}/tree/{revision}":
                return 200, {}, json.dumps(self.tree()).encode()
            name = path.removeprefix(f"/{self.repository}/resolve/{revision}/")
            if name in self.files:
                return 200, self.file_headers(name), self.files[name]
        code = "RevisionNotFound" if f"/{self.repository}/" in path else "RepoNotFound"
        return 404, {"X-Error-Code": code, "X-Error-Message": "not found"}, b"{}"

    def info(self) -> dict[str, object]:
        """What the hub tells of a model."""
        return {
            "id": self.repository,
            "sha": self.commit,
            "siblings": [{"rfilename": name} for name in self.files],
        }

    def tree(self) -> list[dict[str, object]]:
        """The files of the repository."""
        return [
            {"type": "file", "path": name, "size": len(content), "oid": git_oid(content)}
            for name, content in self.files.items()
        ]

    def file_headers(self, name: str) -> dict[str, str]:
        """The headers by which the client knows a file."""
        return {"X-Repo-Commit": self.commit, "ETag": f'"{git_oid(self.files[name])}"'}


def git_oid(content: bytes) -> str:
    """The object id that git gives a file."""
    blob = b"blob %d\0%b" % (len(content), content)
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()


@contextmanager
def serve(hub: Hub) -> Iterator[str]:
    """Serve the hub on loopback; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            status, headers, body = hub.answer(self.command, self.path)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_GET = do_HEAD = reply  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
