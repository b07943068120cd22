"""What a company signed is looked at as browsers would: digests, keys, extensions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ObjectIdentifier

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.identity.authority.certificates import (
    builder,
    common_name,
    key_usage,
    make_request,
    pem,
)
from heliostat.identity.authority.company_chain import checked_chain

NOW = datetime(2026, 1, 1, tzinfo=UTC)
END = NOW + timedelta(days=3000)
OWN = ec.generate_private_key(ec.SECP256R1())
CSR = make_request(OWN, "acme.example")
NAME = x509.load_pem_x509_csr(CSR.encode()).subject
STRONG = ec.generate_private_key(ec.SECP256R1())
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


def chain(
    key: Any = STRONG,
    *extensions: tuple[x509.ExtensionType, bool],
) -> str:
    """Ours below a company's root, which has ``key``."""
    root = _signed(common_name("Company"), key.public_key(), key, 3, ())
    own = _signed(NAME, OWN.public_key(), key, 1, extensions)
    return (pem(own) + pem(root)).decode()


def _signed(
    subject: x509.Name,
    public: Any,
    key: Any,
    length: int,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...],
) -> x509.Certificate:
    unsigned = (
        builder(subject, common_name("Company"), public, NOW, END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(key_usage(issues=True), critical=True)
    )
    for extension, critical in extensions:
        unsigned = unsigned.add_extension(extension, critical=critical)
    return unsigned.sign(key, hashes.SHA256())


WRONG: dict[str, tuple[str, Callable[[], str]]] = {
    "a critical extension that nobody knows": ("critical", lambda: chain(STRONG, (UNKNOWN, True))),
    "a company's key of 1024 bits": ("1024 bits", lambda: chain(
        rsa.generate_private_key(65537, 1024))),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_others_would_not_believe_is_refused(case: str) -> None:
    reason, make = WRONG[case]
    with pytest.raises(HeliostatError) as refused:
        checked_chain(make(), CSR, NOW)
    assert refused.value.code == "InvalidEntity"
    assert reason in refused.value.message


def test_what_is_not_critical_may_be_unknown() -> None:
    own, above = checked_chain(chain(STRONG, (UNKNOWN, False)), CSR, NOW)
    assert own.subject == NAME
    assert len(above) == 1


def test_sha1_is_refused(tmp_path: Path) -> None:
    """The library does not sign with it; the program does."""
    key = rsa.generate_private_key(65537, 2048)
    root = _signed(common_name("Company"), key.public_key(), key, 3, ())
    (tmp_path / "root.pem").write_bytes(pem(root))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "csr.pem").write_text(CSR)
    signed = run(
        [
            "openssl", "x509", "-req", "-sha1", "-days", "30", "-copy_extensions", "copyall",
            "-in", str(tmp_path / "csr.pem"), "-CA", str(tmp_path / "root.pem"),
            "-CAkey", str(tmp_path / "key.pem"), "-set_serial", "7",
        ],
        timeout_s=20,
    ).stdout  # fmt: skip
    with pytest.raises(HeliostatError, match="SHA1"):
        checked_chain(signed + pem(root).decode(), CSR, datetime.now(UTC))
