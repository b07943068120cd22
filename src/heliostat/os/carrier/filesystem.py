"""The files of an ext4 file system, copied out with ``debugfs``: nothing is mounted.

What the copy loses (set-uid bits, file capabilities) is read from the same file system.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import CommandFailed
from heliostat.os.carrier.debugfs import Debugfs, Listed
from heliostat.os.carrier.refusal import not_a_system, require_room
from heliostat.os.harden.capabilities import ATTRIBUTE, told

_ASKED = re.compile(r'^debugfs: ea_get -x "(.*)" ')
_VALUE = re.compile(r"^\S+ \(\d+\) = (?P<hex>(?:[0-9a-f]{2} ?)+)$")
_SPECIAL = 0o7000


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """The ext4 file system that begins at ``start`` of ``raw``."""

    subject: Path
    raw: Path
    start: int
    work: Path

    def take(self, names: Collection[str], root: Path) -> None:
        """Copy those of the files ``names`` (``usr/bin/ls``) that are there below ``root``."""
        for name in sorted(names):
            if ".." in name.split("/"):
                continue  # no file of a system is called so
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            asked = f'dump "/{self._debugfs.quoted(name)}" "{root / name}"'
            try:
                self._debugfs.ask(asked)
            except CommandFailed as error:
                if error.exit_code is None:
                    raise  # it isn't installed; anything else means that there is no such file

    def take_all(self, root: Path) -> dict[str, str]:
        """Copy everything; returns the file capabilities by path, which the copy can't carry.

        Owners are restored if the caller may.
        """
        try:
            listed = [*self._debugfs.walk()]
            require_room(self.subject, sum(each.size_bytes for each in listed), self.work)
            self._debugfs.ask(f'rdump / "{root}"')
            shutil.rmtree(root / "lost+found", ignore_errors=True)  # the file system's own
            _restore_modes(listed, root)
            return dict(self._capabilities(listed))
        except CommandFailed as error:
            if error.exit_code is None:
                raise
            raise not_a_system(self.subject, f"debugfs can't read it ({error.message})") from error

    @property
    def _debugfs(self) -> Debugfs:
        return Debugfs(self.subject, self.raw, self.start, self.work)

    def _capabilities(self, listed: list[Listed]) -> Iterator[tuple[str, str]]:
        programs = [each.path for each in listed if each.is_program]
        if not programs:
            return
        asked = [f'ea_get -x "{self._debugfs.quoted(path)}" {ATTRIBUTE}' for path in programs]
        path = ""
        for line in self._debugfs.ask(*asked).stdout.splitlines():
            if echoed := _ASKED.match(line):
                path = echoed[1].replace('""', '"')
            elif path and (value := _VALUE.match(line.strip())):
                yield path, told(bytes.fromhex(value["hex"]))
                path = ""


def _restore_modes(listed: list[Listed], root: Path) -> None:
    """The three special bits, which the change of owner took away."""
    for each in listed:
        if each.mode & _SPECIAL and not each.is_link:
            target = f"{root}{each.path}"
            if os.path.lexists(target) and not os.path.islink(target):
                os.chmod(target, stat.S_IMODE(each.mode))
