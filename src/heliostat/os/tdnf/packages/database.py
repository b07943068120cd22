"""Where rpm's database of a root lies, and how rpm and libsolv are told.

A root's own database wins over what the rpm that runs here is built for: a system made on
a Debian host has its database where its own rpm looks for it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_FILES = ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages", "Packages.db")


def states(root: str) -> list[os.stat_result]:
    """Of the files of the database; none if there is no database."""
    for folder in FOLDERS:
        found = []
        for name in _FILES:
            try:
                state = os.stat(f"{root}{folder}/{name}")
            except OSError:
                continue
            # who only looks into the database makes its log anew, with nothing in it
            if state.st_size:
                found.append(state)
        if found:
            return found
    return []


def folder_of(root: str) -> str:
    """The database's folder inside ``root``; of a new root, where it will be."""
    for folder in FOLDERS:
        if any(os.path.exists(f"{root}{folder}/{name}") for name in _FILES):
            return folder
    import rpm

    configured: str = rpm.expandMacro("%_dbpath")
    return configured if configured in FOLDERS else FOLDERS[0]


class DatabaseOf:
    """``with DatabaseOf(root):`` rpm, and libsolv through it, look there."""

    def __init__(self, root: str) -> None:
        self._folder = folder_of(root)

    def __enter__(self) -> None:
        # librpm finds no kind of database before its settings are read, which this does
        import rpm

        rpm.addMacro("_dbpath", self._folder)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import rpm

        rpm.delMacro("_dbpath")
