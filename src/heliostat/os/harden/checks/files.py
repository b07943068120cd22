"""Files by their metadata: permissions, special bits, capabilities, who brought them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from heliostat.os.harden import packages
from heliostat.os.harden.accounts import group_names, user_names
from heliostat.os.harden.checks.finding import Finding, compared, judged, not_applicable
from heliostat.os.harden.patterns import matches
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Entry, Tree

_SPECIAL = 0o6000
_STICKY = 0o1000
_OTHERS_WRITE = 0o002


class Mode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that a file may allow, and whose it is."""

    mode: str
    owner: str = "root"
    group: str | tuple[str, ...] = "root"

    def __post_init__(self) -> None:
        require_octal((self.mode,))


class SetId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that may be set-uid or set-gid, each with its exact mode."""

    allowed: dict[str, str]

    def __post_init__(self) -> None:
        require_octal(self.allowed.values())


class Capabilities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that may have capabilities, and which."""

    allowed: dict[str, str]


class WorldWritable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of what everybody may write to (folders need the sticky bit all the same)."""

    allowed: tuple[str, ...] = ()


class Unowned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of what no package brings: made by the compose or at first boot."""

    generated: tuple[str, ...] = ()


class Absent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of paths that must not be in the tree."""

    paths: tuple[str, ...]


class Present(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns of paths of which each must be in the tree."""

    paths: tuple[str, ...]


class Owners(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every user and group number is one that the tree's own files name."""


def require_octal(texts: Iterable[str]) -> None:
    """``ValueError`` for what is no mode; for ``__post_init__`` of parameters."""
    for text in texts:
        if not text or set(text) - set("01234567") or len(text) > 4:
            raise ValueError(f"{text!r} is no mode in octal digits")


def modes(tree: Tree, wanted: dict[str, Mode]) -> Finding:
    users, groups = user_names(tree), group_names(tree)
    pairs = [
        (_told_mode(entry, limit, users, groups), _mode_right(entry, limit, users, groups))
        for pattern, limit in wanted.items()
        for entry in tree.matching(pattern)
        if not entry.is_link
    ]
    return compared("paths", pairs) if pairs else not_applicable("None of the paths is there.")


def set_id(tree: Tree, wanted: SetId) -> Finding:
    found = [each for each in tree.entries.values() if _is_set_id(each)]
    pairs = (
        (
            Evidence(each.path, f"{each.permissions:04o}", _allowed(wanted.allowed, each.path)),
            wanted.allowed.get(each.path, "").zfill(4) == f"{each.permissions:04o}",
        )
        for each in found
    )
    return compared("set-uid and set-gid files", pairs)


def file_capabilities(tree: Tree, wanted: Capabilities) -> Finding:
    pairs = (
        (Evidence(path, told, _allowed(wanted.allowed, path)), wanted.allowed.get(path) == told)
        for path, told in sorted(tree.capabilities.items())
    )
    return compared("files with capabilities", pairs)


def world_writable(tree: Tree, wanted: WorldWritable) -> Finding:
    entries = [each for each in tree.entries.values() if not each.is_link]
    broken = (
        Evidence(each.path, f"{each.permissions:04o}", "not writable for others")
        for each in entries
        if each.permissions & _OTHERS_WRITE and not _may_be_written(each, wanted.allowed)
    )
    return judged("paths", broken, (), len(entries))


def unowned(tree: Tree, wanted: Unowned) -> Finding:
    owned = tree.owned
    if owned is None:
        return not_applicable("The tree has no package database.")
    files = [each for each in tree.entries.values() if not each.is_folder]
    broken = (
        Evidence(each.path, "no package brings it", "owned, or named as generated")
        for each in files
        if each.path not in owned
        and not any(matches(each.path, pattern) for pattern in wanted.generated)
    )
    return judged("files", broken, (), len(files))


def absent(tree: Tree, wanted: Absent) -> Finding:
    broken = (Evidence(each.path, "there", "absent") for each in tree.matching(*wanted.paths))
    return judged("patterns", broken, (), len(wanted.paths))


def present(tree: Tree, wanted: Present) -> Finding:
    pairs = (
        (Evidence(pattern, "there" if found else "missing", "there"), bool(found))
        for pattern in wanted.paths
        for found in (tree.matching(pattern),)
    )
    return compared("paths", pairs)


def owners(tree: Tree, wanted: Owners) -> Finding:
    del wanted
    users, groups = user_names(tree), group_names(tree)
    if not users or not groups:
        return not_applicable("The tree has no /etc/passwd and /etc/group.")
    entries = tree.entries.values()
    broken = (
        Evidence(each.path, f"{each.uid}:{each.gid}", "a user and a group of the tree")
        for each in entries
        if each.uid not in users or each.gid not in groups
    )
    return judged("paths", broken, (), len(entries))


def signed_packages(tree: Tree, wanted: Owners) -> Finding:
    del wanted
    rows = packages.signatures(tree.root)
    if not rows:
        return not_applicable("The tree has no RPM database.")
    pairs = (
        (Evidence(row.package, "signed" if row.signed else "no signature", "signed"), row.signed)
        for row in rows
    )
    return compared("packages", pairs)


def _is_set_id(entry: Entry) -> bool:
    """A folder's set-gid bit only hands its group on."""
    return entry.is_regular and bool(entry.permissions & _SPECIAL)


def _may_be_written(entry: Entry, allowed: tuple[str, ...]) -> bool:
    if entry.is_folder and not entry.permissions & _STICKY:
        return False
    return any(matches(entry.path, pattern) for pattern in allowed)


def _allowed(allowed: dict[str, str], path: str) -> str:
    return allowed.get(path, "nothing special")


def _mode_right(entry: Entry, limit: Mode, users: dict[int, str], groups: dict[int, str]) -> bool:
    wanted_groups = (limit.group,) if isinstance(limit.group, str) else limit.group
    return (
        entry.permissions & ~int(limit.mode, 8) == 0
        and users.get(entry.uid, str(entry.uid)) == limit.owner
        and groups.get(entry.gid, str(entry.gid)) in wanted_groups
    )


def _told_mode(
    entry: Entry, limit: Mode, users: dict[int, str], groups: dict[int, str]
) -> Evidence:
    owner = users.get(entry.uid, str(entry.uid))
    group = groups.get(entry.gid, str(entry.gid))
    wanted_group = limit.group if isinstance(limit.group, str) else " or ".join(limit.group)
    return Evidence(
        entry.path,
        f"{entry.permissions:04o} {owner}:{group}",
        f"{limit.mode} or stricter, {limit.owner}:{wanted_group}",
    )
