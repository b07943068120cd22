"""What lies in a certificate store: certificates with or without their keys.

An entry ``site`` is the folder ``site`` in the store's: ``certificate.pem`` (with those that
signed it), ``key.pem``, and ``both.pem`` for programs that take one file.  The folder is a link
to a version of it that is never changed; see ``versions``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import PermanentError
from heliostat.member import names, openssl
from heliostat.member.contents import CERTIFICATE_FILE, KEY_FILE, Kind, files_of
from heliostat.member.openssl import Certificate
from heliostat.member.versions import Versions, read


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
        modes = (0o640, 0o770) if private else (0o644, 0o755)
        self._versions = Versions(folder, *modes)

    def list(self) -> list[Entry]:
        """All entries, by name; raises ``AccessForbidden``."""
        with self._allowed("look into"):
            found = self._versions.names()
        return [self.get(name) for name in found]

    def get(self, name: str) -> Entry:
        """Raises ``CertificateEntryNotFound``, ``AccessForbidden``."""
        folder = self._folder / names.checked(name, "an entry")
        with self._allowed("look into"), self._opened(name) as version:
            if self._kind is Kind.CRL:
                return Entry(name, folder, has_key=False, certificate=None)
            certificate = openssl.certificate_of(read(version, CERTIFICATE_FILE))
            has_key = KEY_FILE in os.listdir(version)
        return Entry(name, folder, has_key=has_key, certificate=certificate)

    def content(self, name: str, file: str) -> bytes:
        """A file of an entry, such as ``certificate.pem``.

        Raises ``CertificateEntryNotFound`` (also for a key that isn't there), ``AccessForbidden``.
        """
        names.checked(name, "an entry")
        with self._allowed("read from"), self._opened(name, file) as version:
            return read(version, file)

    def put(self, name: str, certificate: bytes, key: bytes | None = None) -> Entry:
        """Keep a certificate (chain) and its key in place of what has that name.

        Raises ``InvalidName``, ``CertificateInvalid``, ``AccessForbidden``.
        """
        names.checked(name, "an entry")
        with self._allowed("write to"), self.alone():
            self._versions.replace(name, files_of(self._kind, certificate, key))
        return self.get(name)

    def delete(self, name: str) -> Entry:
        """Delete an entry; gives what was deleted.  Raises as ``get``."""
        with self._allowed("write to"), self.alone():
            entry = self.get(name)
            self._versions.delete(name)
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

    @contextmanager
    def _opened(self, name: str, file: str = "") -> Iterator[int]:
        """A handle of the version that counts; what is not there, or no plain file, is missing."""
        found = False
        try:
            with self._versions.opened(name) as place:
                found = True
                yield place
        except PermissionError:
            raise
        except OSError as error:
            raise self._missing(name, file if found else "") from error

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
