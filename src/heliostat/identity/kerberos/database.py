"""The KDC's database: a cache of what the directory says, filled by kdb5_util.

MIT's krb5kdc reads principals from a file of its own.  Here that file holds nothing that is
not in the store, too: an entry is written when somebody asks for it and it is not there as it
should be (``current``), so a KDC never answers with a password of before, on any controller,
and the whole file may be lost.  Entries are text in the format of ``kdb5_util dump``.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from heliostat.core.files import atomic_write
from heliostat.core.process import run_async
from heliostat.identity.kerberos.encryption import AesSha1
from heliostat.identity.kerberos.keys import Keys, keytab
from heliostat.identity.openldap.slapd import program

LOAD_S = 20.0
_HEADER = "kdb5_util load_dump version 7\n"
_BASE_LENGTH = 38
_LAST_SET, _MODIFIED, _MASTER_VERSION, _ACTIVE_MASTER = 1, 2, 8, 9
_MASTER = "K/M"
PACKAGE = "krb5-kdc"


class Flag(IntFlag):
    """What a principal may (kdb.h)."""

    NONE = 0
    NO_TICKETS = 0x40
    PREAUTHENTICATION = 0x80
    CHANGE_NEEDED = 0x200
    NO_SERVICE = 0x1000
    PASSWORD_SERVICE = 0x2000
    LOCKED_DOWN = 0x800000


@dataclass(frozen=True, slots=True)
class Entry:
    """A principal as the KDC is to see it; lives are in seconds."""

    name: str
    versions: tuple[tuple[int, Keys], ...]
    flags: Flag
    ticket_s: int
    renewable_s: int = 0
    set_s: int = 0


class Database:
    """The database of one realm in ``folder``."""

    def __init__(self, folder: Path, realm: str, master: bytes, environment: list[str]) -> None:
        self.folder = folder
        self.realm = realm
        self._master = master
        self._environment = environment
        self._written: dict[str, Entry] = {}
        self._one = asyncio.Lock()

    @property
    def path(self) -> Path:
        return self.folder / "principal"

    @property
    def stash(self) -> Path:
        return self.folder / "stash"

    async def create(self, *entries: Entry) -> None:
        """Begin anew, with ``entries`` and the key that all of them are sealed under.

        Raises ``NotInstalled`` and ``CommandFailed``.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        master = {AesSha1.number: self._master}
        atomic_write(self.stash, keytab(self.realm, _MASTER, [(1, master)], 0), mode=0o600)
        own = Entry(_MASTER, ((1, master),), Flag.LOCKED_DOWN | Flag.NO_TICKETS, 86_400)
        async with self._one:
            self._written = {}
            await self._load([own, *entries], update=False)

    async def current(self, entry: Entry) -> None:
        """Make sure that the KDC has ``entry`` as it is here."""
        if self._written.get(entry.name) == entry:
            return
        async with self._one:
            if self._written.get(entry.name) != entry:
                await self._load([entry], update=True)

    async def _load(self, entries: list[Entry], *, update: bool) -> None:
        source = self.folder / "entries"
        lines = "".join(_line(each, self.realm, self._master) for each in entries)
        atomic_write(source, (_HEADER + lines).encode(), mode=0o600)
        place = ["-r", self.realm, "-d", str(self.path), "-sf", str(self.stash)]
        argv = ["env", *self._environment, program("kdb5_util", PACKAGE), *place, "load"]
        try:
            await run_async(
                [*argv, *(["-update"] if update else []), str(source)], timeout_s=LOAD_S
            )
        finally:
            source.unlink(missing_ok=True)
        self._written |= {each.name: each for each in entries}


def _line(entry: Entry, realm: str, master: bytes) -> str:
    """One record, its numbers and hexadecimal texts separated by tabs."""
    full = f"{entry.name}@{realm}"
    notes = [
        (_MODIFIED, struct.pack("<I", entry.set_s) + f"heliostat@{realm}\0".encode()),
        (_MASTER_VERSION, struct.pack("<H", 1)),
        (_LAST_SET, struct.pack("<I", entry.set_s)),
    ]
    if entry.name == _MASTER:
        notes.append((_ACTIVE_MASTER, struct.pack("<HHI", 1, 1, 0)))
    kept = [(number, *pair) for number, keys in entry.versions for pair in keys.items()]
    head = (_BASE_LENGTH, len(full), len(notes), len(kept), 0, full)
    lives = (int(entry.flags), entry.ticket_s, entry.renewable_s, 0, 0, 0, 0, 0)
    fields = ["princ", *map(str, (*head, *lives))]
    for kind, note in notes:
        fields += [str(kind), str(len(note)), note.hex()]
    for number, etype, key in kept:
        sealed = struct.pack("<H", len(key)) + AesSha1().encrypt(master, 0, key)
        fields += ["1", str(number), str(etype), str(len(sealed)), sealed.hex()]
    return "\t".join([*fields, "-1;"]) + "\n"
