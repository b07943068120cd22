"""What may stand in the fields of users and computers.  Pure; raises ``InvalidEntity``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.core.errors import PermanentError

LONGEST_TEXT = 256
LONGEST_DESCRIPTION = 1024
MOST_KEYS = 32
_EMAIL = re.compile(r"[^\s@<>()\\,;:\"]{1,64}@[^\s@<>()\\,;:\"]{1,189}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]{1,64}")


def checked_text(field: str, text: str, longest: int = LONGEST_TEXT) -> str:
    """One line of text."""
    if len(text) > longest:
        raise _bad(field, f"has {len(text)} characters; at most {longest} are kept")
    if not text.isprintable():
        raise _bad(field, "has characters that can't be shown")
    return text.strip()


def checked_email(text: str) -> str:
    """An address, or nothing."""
    if text and not _EMAIL.fullmatch(text):
        raise _bad("email", f"{text[:60]!r} is no address")
    return text


def checked_sha256(text: str) -> str:
    """A fingerprint as 64 hexadecimal digits, or nothing."""
    plain = text.replace(":", "").lower()
    if plain and not _SHA256.fullmatch(plain):
        raise _bad("certificateSha256", "is no SHA-256 fingerprint")
    return plain


def checked_ssh_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Lines of ``authorized_keys`` without options; a host takes them as they are."""
    return tuple(_ssh_key(each) for each in dict.fromkeys(_few("sshPublicKeys", keys)))


def checked_certificates(pems: Sequence[str]) -> tuple[str, ...]:
    """X.509 certificates as PEM."""
    return tuple(_certificate(each) for each in dict.fromkeys(_few("certificates", pems)))


def der_base64(pem: str) -> str:
    """A certificate as it stands in an entry."""
    return base64.b64encode(
        x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    ).decode()


def _ssh_key(line: str) -> str:
    # options such as command="…" would be obeyed by every host, so a line is the key alone
    parts = checked_text("sshPublicKeys", line, 16 << 10).split(None, 2)
    if len(parts) < 2 or not _KEY_TYPE.fullmatch(parts[0]):
        raise _bad("sshPublicKeys", f"{line[:40]!r} is no public key such as ssh-ed25519 AAAA…")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad("sshPublicKeys", f"{line[:40]!r} is damaged") from error
    named = parts[0].encode()
    if blob[:4] != len(named).to_bytes(4) or blob[4 : 4 + len(named)] != named:
        raise _bad("sshPublicKeys", f"{line[:40]!r} holds another kind of key than it says")
    return " ".join(parts)


def _certificate(pem: str) -> str:
    try:
        read = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise _bad("certificates", "one is no certificate in PEM form") from error
    return read.public_bytes(Encoding.PEM).decode()


def _few(field: str, values: Sequence[str]) -> Sequence[str]:
    if len(values) > MOST_KEYS:
        raise _bad(field, f"{len(values)} are too many; at most {MOST_KEYS} are kept")
    return values


def _bad(field: str, why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"{field}: {why}.")
