"""What may be fetched from the web: the limits, the addresses, and how an address is read."""

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard
from urllib.parse import quote, urljoin, urlsplit

from edge_detect.errors import UrlRefused

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Two letters at least: a single one is a drive on Windows.
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CREDENTIALS = re.compile(r"(?<=://).*@", re.DOTALL)
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
MAX_HOST_LENGTH = 253  # RFC 1035, section 2.3.4, as text

DEFAULT_PORTS = {"http": 80, "https": 443}

# What RFC 3986 lets stand in a path or a query; the rest is percent-encoded, what already is stays.
URL_SAFE = "%/:;=?@!$&'()*+,~[]"

# Outside of it no IPv6 address is routed on the public internet (RFC 4291, section 2.4) ...
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# ... but for this door to the public IPv4 addresses in its last 32 bits (RFC 6052).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# `is_global` doesn't refuse these, or not in every version of Python.
NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # the platform's own service inside Azure
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a metadata service
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "2001::/23",  # protocol assignments: Teredo hides an IPv4 address
        "2002::/16",  # 6to4 hides an IPv4 address
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True)
class Fetching:
    """How a source is fetched from an http or https address: the limits for each one.

    Raises:
        ValueError: a limit is not positive, or an entry of `allow_hosts` is no host.
    """

    max_bytes: int = 100_000_000
    """The largest content, in bytes."""
    seconds: float = 60.0
    """For the whole transfer with its redirects, from the look-up of the host to the last byte."""
    stall_seconds: float = 15.0
    """The longest wait for a connection, or for the next bytes."""
    redirects: int = 5
    """How many are followed."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts, or host:port, that may lie in a private network; every other must be public."""

    def __post_init__(self) -> None:
        limits = (self.max_bytes, self.seconds, self.stall_seconds, self.redirects + 1)
        if not all(limit > 0 for limit in limits):  # NaN is not
            raise ValueError(f"every limit must be positive, unlike one of {self}")
        for entry in self.allow_hosts:
            allowed_host(entry)

    def allows(self, host: str, port: int) -> bool:
        """Whether a host, spelt as in `Url`, may lie in a private network."""
        allowed = [allowed_host(entry) for entry in self.allow_hosts]
        return (host, None) in allowed or (host, port) in allowed


DEFAULT_FETCHING = Fetching()


@dataclass(frozen=True)
class Url:
    """An http or https address, taken apart once."""

    scheme: str
    host: str
    """Lower-case ASCII without a final dot, an IPv6 address without brackets."""
    port: int
    target: str
    """Path and query, percent-encoded."""

    @classmethod
    def parse(cls, text: str, subject: str) -> "Url":
        """Take an address apart; `subject` begins the message where it is refused.

        Raises:
            UrlRefused: another scheme, credentials, or no valid address.
        """
        scheme = text.partition("://")[0].lower()
        if scheme not in DEFAULT_PORTS:
            raise UrlRefused(
                f"{subject} is neither http nor https; download it and give the file's path"
            )
        if CONTROL.search(text):
            raise UrlRefused(f"{subject} holds control characters; check the address")
        try:
            parts = urlsplit(text)
            credentials = "@" in parts.netloc
            host = "" if credentials else normal_host(parts.hostname or "")
            port = None if credentials else parts.port
        except ValueError as error:
            raise UrlRefused(
                f"{subject} names no valid host and port; check the address"
            ) from error
        if credentials:
            raise UrlRefused(
                f"{subject} carries a user name or password; download it and give the file's path"
            )
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        encoded = quote(target, safe=URL_SAFE, errors="surrogateescape")
        return cls(scheme, host, DEFAULT_PORTS[scheme] if port is None else port, encoded)

    def join(self, location: str, subject: str) -> "Url":
        """Where a redirect from here leads.

        Raises:
            UrlRefused: nowhere that may be fetched.
        """
        try:
            text = urljoin(f"{self.scheme}://{self.authority}{self.target}", location)
        except ValueError as error:
            raise UrlRefused(f"{subject} can't be understood; check the address") from error
        return Url.parse(text, subject)

    @property
    def authority(self) -> str:
        """Host and port as the request's Host field has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def is_url(source: object) -> TypeGuard[str]:
    """Whether a source is text that begins with a scheme, of whichever kind."""
    return isinstance(source, str) and SCHEME.match(source) is not None


def without_credentials(url: str) -> str:
    """An address as a message may show it: nothing that could be a user name or password."""
    return CREDENTIALS.sub("…@", url)


def normal_host(host: str) -> str:
    """A host in its one spelling: lower-case ASCII, IPv6 as Python writes it.

    Raises:
        ValueError: it is no host name.
    """
    if ":" in host and "%" not in host:
        return str(ipaddress.IPv6Address(host))
    if len(host) > MAX_HOST_LENGTH:  # the codec's time grows with the square
        raise ValueError("the host is too long")
    name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    if not HOST.fullmatch(name):
        raise ValueError("no host name")
    return name


def allowed_host(entry: str) -> tuple[str, int | None]:
    """An entry of `allow_hosts`: the host, and its port where it has one."""
    try:
        return normal_host(entry.strip("[]")), None
    except ValueError:
        host, _, port = entry.rpartition(":")
    try:
        return normal_host(host.strip("[]")), int(port)
    except ValueError as error:
        raise ValueError(f"{entry!r} is no host and no host:port") from error


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the public internet, in whichever form it is written."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped
        if address in NAT64:
            embedded = ipaddress.IPv4Address(address.packed[-4:])
        if embedded is not None:
            return is_public(embedded)
        if address not in GLOBAL_UNICAST:
            return False
    return address.is_global and not any(address in network for network in NEVER_PUBLIC)
