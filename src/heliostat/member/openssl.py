"""The door to openssl: what a certificate says, whether a key is its own, new requests.

A machine that is only a member has no cryptography for Python; openssl it has, as the
trusted roots of the system need it themselves.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from heliostat.core.errors import PermanentError
from heliostat.core.process import CommandFailed, run

TIMEOUT_S = 20.0
MAX_PEM_BYTES = 8 << 20
"""Of one file: a revocation list of 100,000 entries, which the authority may sign, has 5 MiB."""
_BLOCK = re.compile(
    rb"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----\r?\n.*?-----END (?P=kind)-----\r?\n?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What people ask of a certificate; ``fingerprint`` is the SHA-256 of its DER, in hex."""

    subject: str
    issuer: str
    serial: str
    fingerprint: str
    names: tuple[str, ...]
    starts: datetime
    ends: datetime


def blocks(pem: bytes, kind: str) -> list[bytes]:
    """The PEM blocks of one kind, such as ``CERTIFICATE``, in order."""
    return [each[0] for each in _BLOCK.finditer(pem) if each["kind"].decode() == kind]


def certificate_of(pem: bytes) -> Certificate:
    """The first certificate in ``pem``; raises ``CertificateInvalid``."""
    argv = ["openssl", "x509", "-noout", "-subject", "-issuer", "-serial", "-startdate"]
    argv += ["-enddate", "-fingerprint", "-sha256", "-ext", "subjectAltName"]
    said = _asked([*argv, "-nameopt", "RFC2253", "-dateopt", "iso_8601"], pem, "certificate")
    fields = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    alternative = re.search(r"Subject Alternative Name:[^\n]*\n\s+([^\n]+)", said)
    return Certificate(
        subject=fields["subject"].strip(),
        issuer=fields["issuer"].strip(),
        serial=fields["serial"].lower(),
        fingerprint=fields["sha256 Fingerprint"].replace(":", "").lower(),
        names=tuple(alternative[1].split(", ")) if alternative else (),
        starts=_moment(fields["notBefore"]),
        ends=_moment(fields["notAfter"]),
    )


def checked_crl(pem: bytes) -> bytes:
    """The revocation list in ``pem``, as openssl writes it; raises ``CertificateInvalid``."""
    return _asked(["openssl", "crl"], pem, "revocation list").encode()


def belong_together(certificate: bytes, key: bytes) -> bool:
    """Whether ``key`` is the certificate's own; raises ``CertificateInvalid`` for bad ones."""
    certified = _asked(["openssl", "x509", "-noout", "-pubkey"], certificate, "certificate")
    return certified == _asked(
        ["openssl", "pkey", "-passin", "pass:", "-pubout"], key, "private key"
    )


def new_key() -> bytes:
    """A P-256 key as PEM; it never leaves the machine."""
    argv = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    return run(argv, timeout_s=TIMEOUT_S).stdout.encode()


def signing_request(key: bytes, name: str, names: tuple[str, ...] = ()) -> str:
    """A PEM request to certify ``key`` for ``name`` and further DNS ``names``."""
    argv = [
        "openssl",
        "req",
        "-new",
        "-key",
        "/dev/stdin",
        "-passin",
        "pass:",
        "-subj",
        f"/CN={name}",
    ]
    if names:
        argv += ["-addext", "subjectAltName=" + ",".join(f"DNS:{each}" for each in names)]
        argv += ["-addext", "extendedKeyUsage=serverAuth,clientAuth"]
    return _asked(argv, key, "private key")


def signature(key: bytes, content: bytes) -> bytes:
    """An ECDSA signature over the SHA-256 of ``content``, in DER."""
    with tempfile.TemporaryDirectory() as folder:  # its own, 0700: the key is not told to others
        path = Path(folder, "key.pem")
        path.touch(mode=0o600)
        path.write_bytes(key)
        signed = Path(folder, "signature")
        argv = ["openssl", "dgst", "-sha256", "-passin", "pass:", "-sign", str(path)]
        run([*argv, "-out", str(signed)], timeout_s=TIMEOUT_S, stdin=content)
        return signed.read_bytes()


def _asked(argv: list[str], pem: bytes, what: str) -> str:
    try:
        return run(argv, timeout_s=TIMEOUT_S, stdin=pem).stdout
    except CommandFailed as error:
        if error.exit_code is None:
            raise
        raise invalid(f"that is no {what} that openssl reads") from error


def refuse_large(*texts: bytes) -> None:
    """Raise ``CertificateInvalid`` for what is more than anybody keeps in one entry."""
    if any(len(text) > MAX_PEM_BYTES for text in texts):
        raise invalid(f"it is larger than {MAX_PEM_BYTES >> 20} MiB")


def invalid(why: str) -> PermanentError:
    """The error of what can't be kept."""
    return PermanentError(
        "CertificateInvalid",
        f"This can't be used: {why}.",
        hint="Give PEM text: the certificate first, then those that signed it.",
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().removesuffix("Z").strip()).replace(tzinfo=UTC)
