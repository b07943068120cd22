"""Whom a client trusts, against a real TLS server."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from heliostat.client import trust
from heliostat.client.client import Client
from heliostat.core.errors import HeliostatError


class Hello(BaseHTTPRequestHandler):
    """Answers every request with an empty list."""

    def do_GET(self) -> None:
        body = b'{"items": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class QuietServer(HTTPServer):
    """A client that turns away during the handshake is expected here."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


def make_ca(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, which is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    usage = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(usage, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


def _knows(name: str) -> bool:
    try:
        socket.getaddrinfo(name, 443)
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[tuple[str, str]]:
    """Its URL and the CA that vouches for it."""
    certificate, key = make_ca(folder, "site")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = QuietServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", certificate.read_text()
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_platforms_own_ca_is_enough(site: tuple[str, str]) -> None:
    url, ca_pem = site
    with Client(url, ca_pem=ca_pem) as client:
        assert [*client.tenants.list()] == []


def test_the_systems_cas_do_not_vouch_for_it(site: tuple[str, str]) -> None:
    with Client(site[0]) as client, pytest.raises(HeliostatError) as caught:
        [*client.tenants.list()]
    assert caught.value.code == "CertificateInvalid"
    assert "--ca" in caught.value.hint


def test_another_ca_does_not_vouch_for_it(site: tuple[str, str], folder: Path) -> None:
    other, _ = make_ca(folder, "other")
    with Client(site[0], ca_pem=other.read_text()) as client:
        with pytest.raises(HeliostatError) as caught:
            [*client.tenants.list()]
        assert caught.value.code == "CertificateInvalid"
        with pytest.raises(HeliostatError) as caught:
            client.vms.console("x")
        assert caught.value.code == "CertificateInvalid"


@pytest.mark.skipif(not _knows("localhost"), reason="this machine does not know its own name")
def test_another_name_is_refused(site: tuple[str, str]) -> None:
    url, ca_pem = site
    with (
        Client(url.replace("127.0.0.1", "localhost"), ca_pem=ca_pem) as client,
        pytest.raises(HeliostatError, match="CertificateInvalid"),
    ):
        [*client.tenants.list()]


def test_a_ca_file_is_checked_when_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("hello")
    for path in (tmp_path / "no.pem", tmp_path / "missing.pem"):
        with pytest.raises(HeliostatError) as caught:
            trust.read_pem(path)
        assert caught.value.code == "InvalidSetting"
