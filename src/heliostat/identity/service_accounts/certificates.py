"""Certificates with which accounts prove themselves, judged.  Pure.

A leaf that may serve as a client (RFC 5280, 4.2.1.12), is good now, and has a key that is
good enough.  Who signed it is another question: the tenant's authority, or nobody we know,
where the very certificate was registered on the account.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.public_keys import weakness
from heliostat.identity.service_accounts.keys import LONGEST, PARSED
from heliostat.identity.service_accounts.records import AccountCertificate

_CLIENTS = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def read_certificate(pem: str, now_ms: int) -> AccountCertificate:
    """A certificate to be registered, checked; raises ``InvalidEntity``."""
    try:
        certificate = x509.load_pem_x509_certificate(pem[: LONGEST + 1].encode())
    except ValueError as error:
        raise _bad("it is no certificate in PEM form") from error
    if why := unfitness(certificate, now_ms):
        raise _bad(why)
    return _certificate(certificate)


@lru_cache(maxsize=PARSED)
def kept_certificate(pem: str) -> AccountCertificate:
    """The certificate of an account from when each could have one."""
    return _certificate(parsed_certificate(pem))


@lru_cache(maxsize=PARSED)
def parsed_certificate(pem: str) -> x509.Certificate:
    """A certificate that was checked when it was kept."""
    return x509.load_pem_x509_certificate(pem.encode())


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def unfitness(certificate: x509.Certificate, now_ms: int) -> str:
    """Why nobody may prove an identity with a certificate now; empty for a good one."""
    try:
        return (
            lateness(certificate, now_ms) or weakness(certificate.public_key()) or _use(certificate)
        )
    except _UNREADABLE:
        return "it can't be read"


def lateness(certificate: x509.Certificate, now_ms: int) -> str:
    """Why a certificate does not count at this time; empty if it does."""
    if now_ms >= certificate.not_valid_after_utc.timestamp() * 1000:
        return "it has expired"
    if now_ms < certificate.not_valid_before_utc.timestamp() * 1000:
        return "it does not count yet; compare the clocks"
    return ""


def _use(certificate: x509.Certificate) -> str:
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            return "it is an authority's, and no client's"
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:
            return "its key may not sign (key usage)"
        if isinstance(value, x509.ExtendedKeyUsage) and _CLIENTS.isdisjoint(value):
            return "it is not for clients (extended key usage)"
    return ""


def _certificate(certificate: x509.Certificate) -> AccountCertificate:
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return AccountCertificate(sha256=fingerprint(certificate), pem=pem)


def _bad(why: str) -> PermanentError:
    return PermanentError(
        "InvalidEntity",
        f"The certificate is refused: {why}.",
        hint="It must be a client's, valid now: `helio identity certificate issue --account NAME`"
        " makes one.",
    )
