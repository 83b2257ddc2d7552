"""A web server on loopback that answers each path as a test likes, lies and all."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = bytes | Callable[[socket.socket], object]


@dataclass
class Site:
    """What is answered, by path, and what was asked."""

    port: int
    scheme: str = "http"
    host: str = "127.0.0.1"
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """The head of each request."""

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    def targets(self) -> list[str]:
        """What each request asked for."""
        return [head.split(" ")[1] for head in self.requests]

    def handle(self, connection: socket.socket) -> None:
        """Read one request and answer it."""
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(4096)
            head += part
            if not part or not head.startswith(b"GET "):  # nothing more, or TLS
                return
        self.requests.append(head.decode("ascii"))
        answer = self.answers[self.targets()[-1].partition("?")[0]]
        if isinstance(answer, bytes):
            connection.sendall(answer)
        else:
            answer(connection)


def reply(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer as it should be, but for what a test puts in."""
    fields = [f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    """An answer that leads elsewhere."""
    return reply(b"", f"Location: {location}", status=status)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """An answer in chunks."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + end


def repeat(head: bytes, block: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    """An answer that never ends."""

    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(block)
            time.sleep(pause)

    return send


@contextmanager
def serve(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Site]:
    """Serve on loopback, under TLS where a context is given."""
    listener = socket.create_server(("127.0.0.1", 0))
    site = Site(listener.getsockname()[1], "https" if context else "http", host)
    threads = []

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client may leave, or refuse the certificate
            connection.settimeout(10)
            if context:
                with context.wrap_socket(connection, server_side=True) as secured:
                    site.handle(secured)
            else:
                site.handle(connection)

    def accept() -> None:
        with suppress(OSError):  # the listener was shut down
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=converse, args=(connection,)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield site
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()
