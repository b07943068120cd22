"""Is a package whole, unchanged, and from somebody trusted?  One sentence for each fault.

The chain: a trusted key signs the header; the header holds the payload's SHA-256 and, file
by file, the contents'.  Digests that can be forged (MD5, SHA-1) count as none.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.certificate import Keyring, SigningKey
from heliostat.os.packages.openpgp.signature import Signature
from heliostat.os.packages.rpm.frame import Front, read_front
from heliostat.os.packages.rpm.header import invalid, told_of
from heliostat.os.packages.rpm.reader import Header
from heliostat.os.packages.rpm.tags import SHA256, SignatureTag, Tag

_HEADER_SIGNATURES = (SignatureTag.RSA, SignatureTag.DSA)


@dataclass(frozen=True, slots=True)
class Verified:
    """``digest`` is the SHA-256 of the whole file; ``signer`` a key id, or nothing."""

    header: Header
    digest: str
    size_bytes: int
    signer: str
    owner: str


def verify(path: Path, keyring: Keyring | None) -> Verified:
    """Check the whole package; without a keyring only that it is unchanged.

    Raises ``PackageInvalid`` (no package, cut short), ``PackageTampered``, ``DigestTooWeak``,
    ``PackageUnsigned``, ``KeyUnknown`` or ``SignatureInvalid``.
    """
    with path.open("rb") as stream, told_of(path.name):
        front = read_front(stream, path.name)
        _check_length(front, path)
        _check_header(front, path.name)
        signing = None if keyring is None else _check_signature(front, path.name, keyring)
        digest = _check_payload(front, stream, path)
    return Verified(
        header=Header(front),
        digest=digest,
        size_bytes=path.stat().st_size,
        signer="" if signing is None else signing.key.key_id,
        owner="" if signing is None else signing.owner,
    )


def signer_of(front: Front) -> str:
    """The id of the key that the package names as its signer, unchecked; or nothing."""
    found = _signature(front)
    return "" if found is None else found.issuer


def _check_length(front: Front, path: Path) -> None:
    """What was written is header and payload; it may be neither more nor less."""
    expected = front.header_start + front.claimed_bytes
    size = path.stat().st_size
    if front.claimed_bytes and size < expected:
        raise invalid(f"{path.name} ends after {size} of {expected} bytes: it was cut short.")
    if front.claimed_bytes and size > expected:
        raise _tampered(f"{path.name} has {size - expected} bytes after its end.")


def _check_header(front: Front, name: str) -> None:
    claimed = front.signature.string(SignatureTag.SHA256)
    if not claimed:
        raise _weak(f"{name} has no SHA-256 of its header, at most SHA-1 or MD5.")
    actual = hashlib.sha256(front.header.data).hexdigest()
    if actual != claimed:
        raise _tampered(
            f"The header of {name} isn't the one that was written: its SHA-256 is {actual[:16]}…,"
            f" the package says {claimed[:16]}…."
        )


def _check_payload(front: Front, stream: BinaryIO, path: Path) -> str:
    """The digest of the whole file, having seen that the payload is what the header says."""
    claimed = front.header.string(Tag.PAYLOAD_DIGEST)
    if not claimed or front.header.integer(Tag.PAYLOAD_DIGEST_ALGORITHM) != SHA256:
        raise _weak(f"{path.name} has no SHA-256 of its payload, at most MD5.")
    stream.seek(0)
    whole = hashlib.sha256(stream.read(front.header_end))
    payload = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        whole.update(chunk)
        payload.update(chunk)
    if payload.hexdigest() != claimed:
        raise _tampered(
            f"The payload of {path.name} isn't the one that was written: its SHA-256 is"
            f" {payload.hexdigest()[:16]}…, the header says {claimed[:16]}…."
        )
    return whole.hexdigest()


def _check_signature(front: Front, name: str, keyring: Keyring) -> SigningKey:
    found = _signature(front)
    if found is None:
        old = any(tag in front.signature for tag in (SignatureTag.PGP, SignatureTag.GPG))
        because = "carries only an obsolete signature" if old else "carries no signature"
        raise HeliostatError("PackageUnsigned", f"{name} {because}.")
    return keyring.verify(name, front.header.data, found)


def _signature(front: Front) -> Signature | None:
    for tag in _HEADER_SIGNATURES:
        if tag in front.signature:
            return Signature.read(front.signature.binary(tag))
    for text in front.signature.strings(SignatureTag.OPENPGP):
        return Signature.read(_unpacked(text))
    return None


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise invalid("The package's signature is not base64: it was damaged.") from error


def _tampered(sentence: str) -> HeliostatError:
    return HeliostatError("PackageTampered", sentence)


def _weak(sentence: str) -> HeliostatError:
    return HeliostatError("DigestTooWeak", sentence)
