"""Checksums that are trusted, and whether a file has one.

MD5 and SHA-1 are not: whoever can make two files of one digest could put another file in
the place of the one that was signed.
"""

from __future__ import annotations

from heliostat.os.tdnf.errors import CHECKSUM_MISMATCH, TdnfError

# weakest first
STRONG = ("sha256", "sha384", "sha512")
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


def strong(kind: str, digest: str) -> str:
    """``<kind>:<hex>`` if that is a trusted checksum, else empty; spellings are evened out."""
    name, digest = kind.lower().replace("-", ""), digest.strip().lower()
    proper = len(digest) == _DIGITS.get(name) and not digest.strip("0123456789abcdef")
    return f"{name}:{digest}" if proper else ""


def refuse_weak(checksum: str, what: str) -> None:
    """Raises ``TdnfError`` 1528 unless ``checksum`` can be trusted."""
    kind, _, digest = checksum.partition(":")
    if not strong(kind, digest):
        told = f"{what} is described by {kind.upper() or 'no checksum'}, which proves nothing."
        hint = "Its publisher has to make the metadata with SHA-256: createrepo_c --checksum=sha256"
        raise TdnfError(CHECKSUM_MISMATCH, told, hint)


def has_checksum(path: str, checksum: str) -> bool:
    """Whether the file at ``path`` is what ``checksum`` (``sha256:<hex>``) says."""
    # OpenSSL's are ten times as fast as libsolv's, and nobody gets here without need
    import hashlib

    kind, _, digest = checksum.partition(":")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest() == digest


def verify(path: str, checksum: str, what: str) -> None:
    """Raises ``TdnfError`` 1528 if the file isn't what ``checksum`` says."""
    refuse_weak(checksum, what)
    if not has_checksum(path, checksum):
        raise TdnfError(CHECKSUM_MISMATCH, f"{what} is not what its metadata says.")
