"""What lies in a certificate store: certificates with or without their keys.

An entry ``site`` is the folder ``site`` in the store's: ``certificate.pem`` (with those that
signed it), ``key.pem``, and ``both.pem`` for programs that take one file.  The folder is
a link to a version of it that is never changed, so replacing an entry is one rename:
a reader finds the old pair or the new one, also after a crash.

Whoever has a grant to write may put anything into the folder, and root works in it, too: so
only links to versions beside them are entries, and nothing here follows any other link.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heliostat.core.errors import PermanentError
from heliostat.core.files import sync_directory
from heliostat.member import names, openssl
from heliostat.member.openssl import Certificate

CERTIFICATE_FILE = "certificate.pem"
KEY_FILE = "key.pem"
BOTH_FILE = "both.pem"
CRL_FILE = "crl.pem"
LONGEST = 3 * openssl.MAX_PEM_BYTES
"""Bytes of a file that are read: both of a pair, and what openssl makes of a list."""
_VERSION = re.compile(r"\.(?P<entry>.+):[0-9a-f]{16}")
_PLACE = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Kind(StrEnum):
    """What the entries of a store are."""

    PAIR = "pair"
    CERTIFICATE = "certificate"
    CRL = "crl"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is told; ``certificate`` is ``None`` for revocation lists."""

    name: str
    folder: Path
    has_key: bool
    certificate: Certificate | None


class Entries:
    """The entries of the store in ``folder``."""

    def __init__(self, folder: Path, kind: Kind, *, private: bool) -> None:
        self._folder = folder
        self._kind = kind
        # group bits are the ceiling of what grants give
        self._file_mode, self._folder_mode = (0o640, 0o770) if private else (0o644, 0o755)

    def list(self) -> list[Entry]:
        """All entries, by name; raises ``AccessForbidden``."""
        with self._allowed("look into"):
            found = [each.name for each in self._folder.iterdir() if self._version(each.name)]
        return [self.get(name) for name in sorted(found)]

    def get(self, name: str) -> Entry:
        """Raises ``CertificateEntryNotFound``, ``AccessForbidden``."""
        folder = self._folder / names.checked(name, "an entry")
        with self._allowed("look into"), self._opened(name) as version:
            if self._kind is Kind.CRL:
                return Entry(name, folder, has_key=False, certificate=None)
            certificate = openssl.certificate_of(_read(version, CERTIFICATE_FILE))
            has_key = KEY_FILE in os.listdir(version)
        return Entry(name, folder, has_key=has_key, certificate=certificate)

    def content(self, name: str, file: str) -> bytes:
        """A file of an entry, such as ``certificate.pem``.

        Raises ``CertificateEntryNotFound`` (also for a key that isn't there), ``AccessForbidden``.
        """
        names.checked(name, "an entry")
        with self._allowed("read from"), self._opened(name, file) as version:
            return _read(version, file)

    def put(self, name: str, certificate: bytes, key: bytes | None = None) -> Entry:
        """Keep a certificate (chain) and its key in place of what has that name.

        Raises ``InvalidName``, ``CertificateInvalid``, ``AccessForbidden``.
        """
        names.checked(name, "an entry")
        with self._allowed("write to"), self.alone():
            self._replace(name, self._files(certificate, key))
        return self.get(name)

    def delete(self, name: str) -> Entry:
        """Delete an entry; gives what was deleted.  Raises as ``get``."""
        with self._allowed("write to"), self.alone():
            entry = self.get(name)
            version = self._version(name)
            (self._folder / name).unlink()
            sync_directory(self._folder)
            if version is not None:
                _remove(version)
        return entry

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One writer of a store at a time; the others wait for it."""
        import fcntl  # POSIX only; the client, which has these commands, is not

        handle = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _files(self, content: bytes, key: bytes | None) -> dict[str, bytes]:
        openssl.refuse_large(content, key or b"")
        if self._kind is Kind.CRL:
            return {CRL_FILE: openssl.checked_crl(content)}
        chain = openssl.blocks(content, "CERTIFICATE")
        if not chain:
            raise openssl.invalid("there is no certificate in it")
        if self._kind is Kind.CERTIFICATE and key is not None:
            raise openssl.invalid("a trusted root is kept without a key")
        for each in chain:
            openssl.certificate_of(each)
        if key is None:
            return {CERTIFICATE_FILE: b"".join(chain)}
        if not openssl.belong_together(chain[0], key):
            raise openssl.invalid("certificate and key don't belong together")
        together = b"".join([*chain, key.rstrip(b"\n"), b"\n"])
        return {CERTIFICATE_FILE: b"".join(chain), KEY_FILE: key, BOTH_FILE: together}

    def _replace(self, name: str, files: dict[str, bytes]) -> None:
        version = self._folder / f".{name}:{secrets.token_hex(8)}"
        version.mkdir(mode=0o700)
        place = os.open(version, _PLACE)
        try:
            os.fchmod(place, self._folder_mode)  # whatever our umask is
            for file, content in files.items():
                _write(place, file, content, self._file_mode)
            os.fsync(place)
        finally:
            os.close(place)
        link = self._folder / f".{name}:link"
        link.unlink(missing_ok=True)
        link.symlink_to(version.name)
        link.replace(self._folder / name)
        sync_directory(self._folder)
        self._sweep(name, version)

    def _sweep(self, name: str, current: Path) -> None:
        """Versions before, and those of writers who were killed."""
        for each in self._folder.glob(f".{name}:*"):
            if each != current:
                _remove(each)

    def _version(self, name: str) -> Path | None:
        """The version that the link ``name`` is to; ``None`` for what is no entry."""
        try:
            to = os.readlink(self._folder / name)
        except PermissionError:
            raise
        except OSError:  # not there, or no link
            return None
        found = _VERSION.fullmatch(to)
        return self._folder / to if found is not None and found["entry"] == name else None

    @contextmanager
    def _opened(self, name: str, file: str = "") -> Iterator[int]:
        """A handle of the version that counts; what is not there, or no plain file, is missing."""
        version = self._version(name)
        if version is None:
            raise self._missing(name)
        try:
            place = os.open(version, _PLACE)
            try:
                yield place
            finally:
                os.close(place)
        except PermissionError:
            raise
        except OSError as error:
            raise self._missing(name, file) from error

    @contextmanager
    def _allowed(self, what: str) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise PermanentError(
                "AccessForbidden",
                f"You may not {what} the store {self._folder.name}.",
                hint=f"Its owner grants it: `helio cert store grant {self._folder.name} USER`.",
            ) from error

    def _missing(self, name: str, file: str = "") -> PermanentError:
        what = f"no {file} in the entry {name}" if file else f"no entry {name}"
        return PermanentError(
            "CertificateEntryNotFound", f"There is {what} of the store {self._folder.name}."
        )


def _write(place: int, name: str, content: bytes, mode: int) -> None:
    """A new file, on the disk when this returns; its access list comes from its folder."""
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=place)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(handle, mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _read(place: int, name: str) -> bytes:
    """A plain file of a version; raises ``OSError``, also for a link or a pipe."""
    with os.fdopen(os.open(name, _FILE, dir_fd=place), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(f"{name} is no plain file")
        content = stream.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise OSError(f"{name} is larger than anything that was put here")
    return content


def _remove(path: Path) -> None:
    """A version, or what somebody who may write put where one would be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
