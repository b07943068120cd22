"""Signatures of packages: of the main header, kept in the signature header.

The header holds the payload's digest, so one signature covers the whole file.  Signing
again replaces the signature; the payload is copied, never made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.frame import WrittenPackage, padded, place, read_front, told_if_full
from heliostat.os.packages.rpm.header import Entries
from heliostat.os.packages.rpm.tags import SignatureTag, Tag

_KEPT = (SignatureTag.SIZE, SignatureTag.PAYLOAD_SIZE)
_KEPT_LONG = (SignatureTag.LONG_SIZE, SignatureTag.LONG_PAYLOAD_SIZE)


def sign(path: Path, signer: Signer, out: Path | None = None) -> WrittenPackage:
    """Sign the package at ``path``, in place or as the new file ``out``.

    The time of the signature is the package's build time, so the same package and key
    give the same bytes.  Raises ``PackageInvalid`` and ``DiskFull``.
    """
    with told_if_full(out or path), path.open("rb") as stream:
        front = read_front(stream, path.name)
        entries = Entries()
        for tag in (*_KEPT, *_KEPT_LONG):
            if tag in front.signature:
                kind = front.signature.kind(tag)
                entries.integer(tag, front.signature.integer(tag), kind)
        add_digest(entries, front.header.data)
        add_signature(entries, front.header.data, signer, front.header.integer(Tag.BUILD_TIME))
        signature = padded(entries.encode(SignatureTag.REGION))
        return place(out or path, front.lead + signature, front.header.data, stream)


def sign_all(paths: Sequence[Path], signer: Signer, *, workers: int = 2) -> list[WrittenPackage]:
    """Sign each in place, several at once, in the order given."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda path: sign(path, signer), paths))


def add_digest(entries: Entries, header: bytes) -> None:
    entries.string(SignatureTag.SHA256, hashlib.sha256(header).hexdigest())


def add_signature(entries: Entries, header: bytes, signer: Signer, at: int) -> None:
    entries.binary(SignatureTag.RSA, signer.sign(header, at))
