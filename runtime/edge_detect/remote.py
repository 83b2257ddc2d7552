"""An http or https address becomes a temporary file, within the limits of `Fetching`.

A host's name is looked up once for each request; all its addresses must be public, unless the host
is allowed to be private, and the connection goes to one of those very addresses: a name that would
answer otherwise a moment later (DNS rebinding) changes nothing. Proxies that the environment names
are not used, as they would look the name up themselves. Certificates are always checked.
"""

import functools
import http.client
import io
import ipaddress
import queue
import re
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from typing import Any, BinaryIO

from edge_detect import __version__
from edge_detect.errors import (
    DownloadFailed,
    DownloadTimeout,
    DownloadTooLarge,
    EmptyFile,
    UnsupportedAudio,
    UrlRefused,
)
from edge_detect.fetching import (
    DEFAULT_FETCHING,
    Fetching,
    Url,
    is_public,
    without_credentials,
)

BLOCK_BYTES = 64 * 1024

# What may come beside the content: headers, and the sizes of chunks of half a kilobyte or more.
FRAMING_BYTES = 1_000_000
FRAMING_SHARE = 0.1

# A server closes behind the content, as it is asked to; what comes instead is more than declared.
EXCESS_SECONDS = 1.0

REDIRECTS = {301, 302, 303, 307, 308}
PAGE_TYPES = {"text/html", "application/xhtml+xml"}
PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)

REMEDIES = {
    401: "it wants a login: download the file and give its path",
    403: "it wants a login: download the file and give its path",
    429: "try again later",
    **dict.fromkeys(range(500, 600), "try again later"),
}


def open_url(url: str, fetching: Fetching = DEFAULT_FETCHING) -> BinaryIO:
    """The content of an address as a seekable temporary file; closing it removes it.

    Raises:
        UrlRefused: the address, or one that it redirects to, may not be fetched.
        DownloadTooLarge, DownloadTimeout: a limit of `fetching` is reached.
        DownloadFailed: no connection, another status than 200, or a cut-off answer.
        UnsupportedAudio: a web page came.
        EmptyFile: nothing came.
    """
    transfer = Transfer(url, fetching)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile())
            file.writelines(stack.enter_context(closing(transfer.blocks())))
            file.seek(0)
            stack.pop_all()
            return file
    except OSError as error:
        raise DownloadFailed(
            f"{url!r} can't be stored in a temporary file: {error.strerror}; "
            "make room, or name another folder in TMPDIR"
        ) from error


class Transfer:
    """One address on its way to be a file, with the time that is left for it."""

    def __init__(self, url: str, fetching: Fetching) -> None:
        self.url = Url.parse(url, repr(without_credentials(url)))
        self.name = url
        self.fetching = fetching
        self.patience = fetching.stall_seconds
        self.end = time.monotonic() + fetching.seconds

    def blocks(self) -> Generator[bytes, None, None]:
        """The content, block by block; every failure is an error of ours."""
        with self.translate_errors(), self.answer() as response:
            self.check_answer(response)
            yield from self.content(response)

    @contextmanager
    def answer(self) -> Iterator[http.client.HTTPResponse]:
        """The first answer that is no redirect."""
        url = self.url
        for _ in range(self.fetching.redirects + 1):
            with self.ask(url) as response:
                if response.status not in REDIRECTS:
                    yield response
                    return
                url = self.redirected(url, response)
        raise DownloadFailed(
            f"{self.name!r} redirects more than {self.fetching.redirects} times; "
            "give the address at the end"
        )

    @contextmanager
    def ask(self, url: Url) -> Iterator[http.client.HTTPResponse]:
        """Send one request and read the head of its answer."""
        with self.connect(url) as connection:
            connection.settimeout(self.wait())
            connection.sendall(request(url))
            wire: Any = Wire(connection, self)
            with closing(http.client.HTTPResponse(wire)) as response:
                response.begin()
                yield response

    def connect(self, url: Url) -> socket.socket:
        """A connection to a checked address, under TLS for https."""
        connection = self.connect_to_first(self.addresses(url))
        if url.scheme == "http":
            return connection
        try:
            connection.settimeout(self.wait())
            return tls_context().wrap_socket(connection, server_hostname=url.host)
        except BaseException:
            connection.close()
            raise

    def addresses(self, url: Url) -> list[Any]:
        """What the host's name stands for, as getaddrinfo gives it, where all of it is public."""
        infos = self.look_up(url)
        if self.fetching.allows(url.host, url.port):
            return infos
        if not all(is_public(ipaddress.ip_address(info[4][0])) for info in infos):
            raise UrlRefused(
                f"{self.name!r} leads to {url.host!r}, which is not on the public internet; "
                "where that is meant, allow the host (allow_hosts, --allow-host)"
            )
        return infos

    def look_up(self, url: Url) -> list[Any]:
        """Ask the resolver, which knows no time limit itself: hence in a thread."""
        answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM))
            except Exception as error:  # raised again where the answer is waited for
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self.wait())
        except queue.Empty as error:
            raise TimeoutError from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def connect_to_first(self, infos: list[Any]) -> socket.socket:
        """A connection to the first address that takes one."""
        failure: OSError = socket.gaierror("no address")
        for family, kind, protocol, _, address in infos:
            seconds = self.wait()
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(seconds)
                connection.connect(address)
                return connection
            except OSError as error:
                connection.close()
                failure = error
        raise failure

    def redirected(self, url: Url, response: http.client.HTTPResponse) -> Url:
        """Where a redirect leads."""
        location = response.headers["Location"]
        if not location:
            raise DownloadFailed(
                f"{self.name!r} redirects without saying where to; check the address"
            )
        # http.client takes every header for Latin-1; quoting makes UTF-8 of the bytes again.
        target = location.encode("latin-1").decode("utf-8", "surrogateescape")
        following = url.join(target, f"{self.name!r} redirects to an address that")
        if (url.scheme, following.scheme) == ("https", "http"):
            raise UrlRefused(
                f"{self.name!r} redirects from https to http, where anyone on the way could change "
                "the file; download it and give its path"
            )
        return following

    def check_answer(self, response: http.client.HTTPResponse) -> None:
        """Refuse whatever says of itself that it is not the file as it is."""
        if response.status != HTTPStatus.OK:
            remedy = REMEDIES.get(response.status, "check the address")
            raise DownloadFailed(f"{self.name!r} answers {status_text(response.status)}; {remedy}")
        kind = response.headers.get_content_type()
        if kind in PAGE_TYPES:
            raise self.page(kind)
        encoding = response.headers.get("Content-Encoding") or "identity"
        unread = "Transfer-Encoding" in response.headers and not response.chunked
        if encoding.lower() != "identity" or unread:
            raise DownloadFailed(
                f"{self.name!r} comes compressed though it was asked for plain; "
                "download it and give the file's path"
            )

    def content(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        """The body, as far as it keeps the limits and the server its word."""
        # Without a length http.client reads on, so that more than the declared bytes is noticed.
        declared, response.length = response.length, None
        if (declared or 0) > self.fetching.max_bytes:
            raise self.too_large()
        size = 0
        while block := response.read(
            BLOCK_BYTES if declared is None else min(BLOCK_BYTES, declared - size)
        ):
            if not size and PAGE.match(block):
                raise self.page("HTML")
            size += len(block)
            if size > self.fetching.max_bytes:
                raise self.too_large()
            yield block
        if declared is not None:
            self.check_length(response, declared, size)
        if not size:
            raise EmptyFile(f"{self.name!r} has zero bytes; check the address")

    def check_length(self, response: http.client.HTTPResponse, declared: int, size: int) -> None:
        """Compare the declared length with what came."""
        if size < declared:
            raise DownloadFailed(
                f"{self.name!r} was cut off after {size} of {declared} bytes; try again later"
            )
        self.patience = min(self.patience, EXCESS_SECONDS)
        excess = b""
        with suppress(OSError, DownloadTimeout):
            excess = response.read(1)
        if excess:
            raise DownloadFailed(
                f"{self.name!r} sends more than the {declared} bytes that it declares; "
                "download it and give the file's path"
            )

    def wait(self) -> float:
        """Seconds that the next operation may take."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise self.timed_out()
        return min(left, self.patience)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """What the network raises becomes one line."""
        try:
            yield
        except TimeoutError as error:
            raise self.timed_out() from error
        # http.client lets a ValueError through where a chunk's size is negative.
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadFailed(
                f"{self.name!r} can't be downloaded: {reason(error)}; check the address, "
                "or try again later"
            ) from error

    def timed_out(self) -> DownloadTimeout:
        """The total limit, or the one for standing still."""
        if time.monotonic() < self.end:
            return DownloadTimeout(
                f"{self.name!r} sent nothing for {self.patience:g} s; try again later"
            )
        return DownloadTimeout(
            f"{self.name!r} took longer than {self.fetching.seconds:g} s; "
            "allow more (seconds, --download-timeout), or download it and give the file's path"
        )

    def too_large(self) -> DownloadTooLarge:
        """More content than the limit, declared or come."""
        return DownloadTooLarge(
            f"{self.name!r} is larger than {self.fetching.max_bytes / 1e6:g} MB; "
            "allow more (max_bytes, --max-download), or cut it first"
        )

    def page(self, kind: str) -> UnsupportedAudio:
        """A web page instead of a file."""
        return UnsupportedAudio(
            f"{self.name!r} is a web page ({kind}), no file; give the address of the file itself"
        )


class Wire(io.RawIOBase):
    """What http.client needs of a socket; every read keeps the transfer's limits.

    The content is counted where it is read, but framing could grow without any content: endless
    headers, chunks of one byte, a trailer.
    """

    def __init__(self, connection: socket.socket, transfer: Transfer) -> None:
        self._connection = connection
        self._transfer = transfer
        self._left = FRAMING_BYTES + round((1 + FRAMING_SHARE) * transfer.fetching.max_bytes)

    def makefile(self, mode: str) -> io.BufferedReader:
        """The stream that http.client reads."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive what is there, as soon as anything is."""
        self._connection.settimeout(self._transfer.wait())
        count = self._connection.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise self._transfer.too_large()
        return count


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The system's certificates, which take a while to read."""
    return ssl.create_default_context()


def request(url: Url) -> bytes:
    """A request for the content as it is, over a connection that ends with it."""
    fields = {
        "Host": url.authority,
        "User-Agent": f"edge-detect/{__version__}",
        "Accept": "audio/*, video/*;q=0.9, */*;q=0.8",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    lines = [f"GET {url.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def status_text(status: int) -> str:
    """A status with its standard phrase; the server's own could be anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def reason(error: Exception) -> str:
    """What went wrong between here and the server."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error.strerror})"
    if isinstance(error, socket.gaierror):
        return "its host has no address"
    if isinstance(error, http.client.IncompleteRead):
        return "it was cut off"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the server closed the connection"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "the server's answer is no proper HTTP"
