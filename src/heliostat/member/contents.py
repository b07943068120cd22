"""What a certificate store keeps of one entry: its files, checked by openssl before they are
written.
"""

from __future__ import annotations

from enum import StrEnum

from heliostat.member import openssl

CERTIFICATE_FILE = "certificate.pem"
KEY_FILE = "key.pem"
BOTH_FILE = "both.pem"
CRL_FILE = "crl.pem"


class Kind(StrEnum):
    """What the entries of a store are."""

    PAIR = "pair"
    CERTIFICATE = "certificate"
    CRL = "crl"


def files_of(kind: Kind, content: bytes, key: bytes | None) -> dict[str, bytes]:
    """The files of an entry by name; raises ``CertificateInvalid``."""
    openssl.refuse_large(content, key or b"")
    if kind is Kind.CRL:
        return {CRL_FILE: openssl.checked_crl(content)}
    chain = openssl.blocks(content, "CERTIFICATE")
    if not chain:
        raise openssl.invalid("there is no certificate in it")
    if kind is Kind.CERTIFICATE and key is not None:
        raise openssl.invalid("a trusted root is kept without a key")
    for each in chain:
        openssl.certificate_of(each)
    if key is None:
        return {CERTIFICATE_FILE: b"".join(chain)}
    if not openssl.belong_together(chain[0], key):
        raise openssl.invalid("certificate and key don't belong together")
    together = b"".join([*chain, key.rstrip(b"\n"), b"\n"])
    return {CERTIFICATE_FILE: b"".join(chain), KEY_FILE: key, BOTH_FILE: together}
