"""TLS, and what it refuses."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_detect import Fetching, errors, remote
from tests.runtime.remote.client import answer_once, fetch, limits
from tests.runtime.site import Site, redirect, reply, serve


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
