"""Writing packages: lead, signature header, header, payload (RPM format 4).

The same :class:`Package` gives the same bytes whatever the clock, the umask, the locale,
the path and the number of threads.  A package appears under its name whole or not at all.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.contents import main_header
from heliostat.os.packages.rpm.frame import WrittenPackage, lead, padded, place, told_if_full
from heliostat.os.packages.rpm.header import Entries, invalid
from heliostat.os.packages.rpm.implied import completed
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.payload import WrittenPayload, members, write_payload
from heliostat.os.packages.rpm.signing import add_digest, add_signature
from heliostat.os.packages.rpm.tags import SignatureTag, Tag

LEVEL = 6
"""zstd's level of payloads: see docs/design/022-rpm.md for the measurement."""

_IN_MEMORY_BYTES = 32 * 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERSION = re.compile(r"[A-Za-z0-9._+~^]+")


def write(
    package: Package,
    folder: Path,
    *,
    signer: Signer | None = None,
    level: int = LEVEL,
    threads: int = 1,
) -> WrittenPackage:
    """Write ``<name>-<version>-<release>.<arch>.rpm`` into ``folder``, signed if asked.

    Raises ``PackageInvalid`` for a package that RPM could not hold, and ``DiskFull``.
    """
    check(package)
    whole = completed(package)
    archive = members(whole.files)
    path = folder / whole.file_name
    with told_if_full(path), tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
        payload = write_payload(archive, spool, level=level, threads=threads)
        header = main_header(whole, archive, payload, level).encode(Tag.REGION)
        signature = _signature_header(header, payload, signer, whole.build_time)
        front = lead(whole.nvr) + signature
        spool.seek(0)
        return place(path, front, header, spool)


def check(package: Package) -> None:
    """``PackageInvalid`` with the first reason why this can't be an RPM."""
    if not _NAME.fullmatch(package.name):
        raise invalid(f"{package.name!r} is no name of a package.")
    for part, value in (("version", package.version), ("release", package.release)):
        if not _VERSION.fullmatch(value):
            raise invalid(
                f"{package.name} has the {part} {value!r}: only A-Za-z0-9._+~^ may occur."
            )
    seen: set[str] = set()
    for file in package.files:
        if not _clean(file.path):
            raise invalid(f"{package.name}: {file.path!r} is no clean absolute path.")
        if file.path in seen:
            raise invalid(f"{package.name}: {file.path} is there twice.")
        if not (file.is_regular or file.is_folder or file.is_link):
            raise invalid(f"{package.name}: {file.path} is neither file, folder nor link.")
        seen.add(file.path)


def _clean(path: str) -> bool:
    """Absolute, without ``.``, ``..``, doubled or trailing slashes, and control characters.

    RPM hands paths to triggers one a line.
    """
    plain = path.startswith("/") and path == "/" + os.path.normpath(path).lstrip("/")
    return plain and not _CONTROL.search(path)


def _signature_header(
    header: bytes, payload: WrittenPayload, signer: Signer | None, built: int
) -> bytes:
    entries = Entries()
    entries.integer(SignatureTag.SIZE, len(header) + payload.compressed_bytes)
    entries.integer(SignatureTag.PAYLOAD_SIZE, payload.plain_bytes)
    add_digest(entries, header)
    if signer is not None:
        add_signature(entries, header, signer, built)
    return padded(entries.encode(SignatureTag.REGION))
