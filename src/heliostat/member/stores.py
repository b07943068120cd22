"""Certificate stores of a machine: folders that programs read and grants protect.

Three are always there: the machine's own certificate, the roots that it trusts, and
their revocation lists.  Others are made for programs.  A store ``web`` lies in
``/var/lib/heliostat/certificates/web``; see ``entries`` for what is in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import PermanentError
from heliostat.member import grants, names
from heliostat.member.contents import Kind
from heliostat.member.entries import Entries
from heliostat.member.grants import Grant, Right
from heliostat.member.places import Machine

MACHINE = "machine"
ROOTS = "trusted-roots"
CRLS = "trusted-crls"
FIXED = {MACHINE: Kind.PAIR, ROOTS: Kind.CERTIFICATE, CRLS: Kind.CRL}
PUBLIC = frozenset({ROOTS, CRLS})


@dataclass(frozen=True, slots=True)
class Store:
    """A store as it is told; ``entries`` is ``None`` for who may not look into it."""

    name: str
    fixed: bool
    entries: int | None
    grants: tuple[Grant, ...]


class Stores:
    """The stores of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._folder = machine.stores

    def prepare(self) -> None:
        """Make the fixed stores that are not there yet; for root."""
        for name in FIXED:
            if not (self._folder / name).exists():
                self._make(name)

    def create(self, name: str) -> Store:
        """Make a store that its creator alone may use.

        Raises ``InvalidName``, ``NameTaken``, ``AccessForbidden``.
        """
        names.checked(name, "a store")
        if name in FIXED or (self._folder / name).exists():
            raise PermanentError("NameTaken", f"There is a store {name} already.")
        self._make(name)
        return self.get(name)

    def get(self, name: str) -> Store:
        """Raises ``CertificateStoreNotFound``."""
        folder = self._found(name)
        readable = os.access(folder, os.R_OK | os.X_OK)
        return Store(
            name=name,
            fixed=name in FIXED,
            entries=len(self.entries(name).list()) if readable else None,
            grants=tuple(grants.grants_of(folder)),
        )

    def list(self) -> list[Store]:
        """All stores, the fixed ones first."""
        found = [each.name for each in self._folder.glob("*") if each.is_dir()]
        ordered = sorted(found, key=lambda name: (name not in FIXED, name))
        return [self.get(name) for name in ordered]

    def delete(self, name: str) -> Store:
        """Delete a store with all in it; gives what was deleted.

        Raises ``CertificateStoreNotFound``, ``InvalidOperation`` (a fixed one),
        ``AccessForbidden``.
        """
        store = self.get(name)
        if store.fixed:
            raise PermanentError("InvalidOperation", f"Every machine has the store {name}.")
        with _allowed(f"delete the store {name}"):
            gone = self._folder / f".{name}.deleted"
            shutil.rmtree(gone, ignore_errors=True)  # of one who was killed while deleting
            (self._folder / name).rename(gone)  # at once: no reader finds half of it
            shutil.rmtree(gone)
        return store

    def grant(self, name: str, user: str, right: Right) -> Store:
        """Let a local user read, or read and write; raises as ``get``, and ``UserNotFound``."""
        folder = self._owned(name)
        if name in PUBLIC and right is Right.READ:
            raise PermanentError("InvalidOperation", f"Everybody may read the store {name}.")
        with self.entries(name).alone():
            grants.grant(folder, user, right)
        return self.get(name)

    def revoke(self, name: str, user: str) -> Store:
        """Take a local user's rights away; raises as ``grant``."""
        folder = self._owned(name)
        with self.entries(name).alone():
            grants.revoke(folder, user)
        return self.get(name)

    def entries(self, name: str) -> Entries:
        """What lies in a store; raises ``CertificateStoreNotFound``."""
        return Entries(self._found(name), FIXED.get(name, Kind.PAIR), private=name not in PUBLIC)

    def _make(self, name: str) -> None:
        private = name not in PUBLIC
        with _allowed(f"make the store {name}"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o755)
            new = self._folder / f".{name}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700 if private else 0o755)
            if private:
                grants.keep_private(new)
            new.rename(self._folder / name)  # whoever sees it sees it protected

    def _found(self, name: str) -> Path:
        folder = self._folder / names.checked(name, "a store")
        if not folder.is_dir():
            raise PermanentError("CertificateStoreNotFound", f"There is no store {name}.")
        return folder

    def _owned(self, name: str) -> Path:
        folder = self._found(name)
        if os.geteuid() not in (0, folder.stat().st_uid):
            raise _forbidden(f"change the grants of the store {name}")
        return folder


@contextmanager
def _allowed(what: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise _forbidden(what) from error


def _forbidden(what: str) -> PermanentError:
    return PermanentError(
        "AccessForbidden", f"You may not {what}.", hint="Run it as root, with sudo."
    )
