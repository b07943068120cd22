"""Users and groups as the tree's own files name them (``passwd``, ``group``, ``shadow``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.os.harden.tree import Tree


@dataclass(frozen=True, slots=True)
class Account:
    """One line of ``/etc/passwd`` with its password field of ``/etc/shadow``."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str | None
    """As in the shadow file (or, if it is kept there, in passwd); ``None`` if it has no line."""
    in_passwd: bool = False
    """Its password stands where everybody may read it."""

    @property
    def locked(self) -> bool:
        return self.password is not None and self.password.startswith(("!", "*"))


def accounts(tree: Tree) -> list[Account]:
    """All of them, as listed; broken lines are left out."""
    shadow = {row[0]: row[1] for row in _rows(tree, "/etc/shadow", 2)}
    found = []
    for name, password, uid, gid, _, home, shell, *_ in _rows(tree, "/etc/passwd", 7):
        if uid.isdigit() and gid.isdigit():
            in_passwd = password != "x"  # noqa: S105
            kept = password if in_passwd else shadow.get(name)
            found.append(Account(name, int(uid), int(gid), home, shell, kept, in_passwd))
    return found


def user_names(tree: Tree) -> dict[int, str]:
    """Names by number; the first of several."""
    return {each.uid: each.name for each in reversed(accounts(tree))}


def group_names(tree: Tree) -> dict[int, str]:
    return {number: name for name, number in reversed(groups(tree))}


def groups(tree: Tree) -> list[tuple[str, int]]:
    """Name and number of each group, as listed."""
    rows = _rows(tree, "/etc/group", 4)
    return [(row[0], int(row[2])) for row in rows if row[2].isdigit()]


def _rows(tree: Tree, path: str, fields: int) -> Iterator[list[str]]:
    for line in (tree.text(path) or "").splitlines():
        row = line.split(":")
        if len(row) >= fields and row[0] and not line.startswith("#"):
            yield row
