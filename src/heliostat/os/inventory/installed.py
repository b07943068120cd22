"""Installed packages, straight from RPM's database (SQLite), without RPM.

Needs neither root nor the host's ``rpm``, and leaves nothing behind in the tree.  A row is
the package's header as it was signed, followed by what the installation added; so the
signature can still be checked against the keys at hand.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.signature import Signature
from heliostat.os.packages.rpm.described import Described, FileEntry
from heliostat.os.packages.rpm.header import MAGIC, Blob, invalid
from heliostat.os.packages.rpm.tags import SignatureTag, Tag

DATABASES = ("usr/lib/sysimage/rpm", "usr/share/rpm", "var/lib/rpm")
FILE = "rpmdb.sqlite"
_TRAILER = struct.Struct(">IIiI")
_FILE_STATES = 1029
_NORMAL = 0
# whatever a database of a stranger has there
_ROWS = "SELECT CAST(blob AS BLOB) FROM Packages WHERE blob IS NOT NULL"


@dataclass(frozen=True, eq=False)
class InstalledPackage(Described):
    """A package in a tree."""

    header: Blob

    @property
    def blob(self) -> Blob:
        return self.header

    @cached_property
    def entries(self) -> dict[str, FileEntry]:
        """Its files by path, those that were left out (documents, languages) excepted."""
        states = self.header.integers(_FILE_STATES)
        listed = list(self.files())
        if len(states) != len(listed):
            states = [_NORMAL] * len(listed)
        return {
            entry.path: entry
            for entry, state in zip(listed, states, strict=True)
            if state == _NORMAL
        }

    @property
    def digest(self) -> str:
        """The header's SHA-256, which stands for the whole package as it was signed."""
        return self.header.string(SignatureTag.SHA256)

    @property
    def payload_digest(self) -> str:
        return self.header.string(Tag.PAYLOAD_DIGEST)

    @cached_property
    def signature(self) -> Signature | None:
        for tag in (SignatureTag.RSA, SignatureTag.DSA):
            if tag in self.header:
                return Signature.read(self.header.binary(tag))
        return None

    @property
    def signed_header(self) -> bytes:
        """The header as it was in the package: the part that the region tag spans.

        Raises ``PackageInvalid`` for one that has none.
        """
        data = self.header.data
        trailer = self.header.binary(Tag.REGION)
        entries, _ = struct.unpack(">II", data[8:16])
        count = -_TRAILER.unpack(trailer)[2] // 16 if len(trailer) == _TRAILER.size else 0
        if not 0 < count <= entries:
            raise invalid("The header does not say which part of it was signed.")
        store = 16 + 16 * entries
        region = self.header.offset(Tag.REGION)
        end = region + _TRAILER.size
        head = MAGIC + struct.pack(">II", count, end) + data[16 : 16 + 16 * count]
        return head + data[store : store + end]


def database_in(root: Path) -> Path | None:
    """The database's file in a tree."""
    found = (root / folder / FILE for folder in DATABASES)
    return next((path for path in found if path.is_file()), None)


def installed(root: Path) -> list[InstalledPackage]:
    """All packages of the tree by name; keys that RPM keeps as packages aren't among them.

    Raises ``DatabaseMissing`` or ``PackageInvalid``.
    """
    path = database_in(root)
    if path is None:
        raise HeliostatError("DatabaseMissing", f"There is no RPM database in {root}.")
    found = [InstalledPackage(Blob.parse(MAGIC + row)) for row in _rows(path)]
    kept = [package for package in found if package.name != "gpg-pubkey"]
    return sorted(kept, key=lambda package: (package.name, package.evr, package.arch))


def _rows(path: Path) -> list[bytes]:
    """The rows; of a copy if the database is in use and has a write-ahead log."""
    with tempfile.TemporaryDirectory(prefix="rpmdb-") as folder:
        log = path.with_name(f"{FILE}-wal")
        if log.is_file() and log.stat().st_size:
            for each in (path, log):
                shutil.copyfile(each, Path(folder) / each.name)
            path = Path(folder) / FILE
            return _read(f"file:{quote(str(path))}", path)
        return _read(f"file:{quote(str(path))}?mode=ro&immutable=1", path)


def _read(uri: str, path: Path) -> list[bytes]:
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return [row[0] for row in connection.execute(_ROWS)]
    except sqlite3.DatabaseError as error:
        raise HeliostatError(
            "DatabaseMissing", f"{path} is no RPM database that can be read: {error}."
        ) from error
