"""Kernel settings as ``systemd-sysctl`` would apply them at boot.

Files are merged by name over the folders of ``sysctl.d(5)`` and read in the order of
their names; a later line wins.  A line with a pattern gives way to one that names the
key, wherever it stands.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared
from heliostat.os.harden.patterns import matches
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.wanted import Wanted, require_sound, satisfies, told


class Sysctls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values by key (with dots)."""

    settings: dict[str, Wanted]

    def __post_init__(self) -> None:
        require_sound(self.settings.values())


class Assignment(NamedTuple):
    """A key (dots; perhaps a pattern), its value (``None``: keep the kernel's), its file."""

    key: str
    value: str | None
    path: str


def judge(tree: Tree, wanted: Sysctls) -> Finding:
    assignments = assigned(tree)
    return compared(
        "kernel settings",
        (
            _compared(key, value, effective(assignments, key))
            for key, value in wanted.settings.items()
        ),
    )


def assigned(tree: Tree) -> list[Assignment]:
    """All lines of all files, in the order in which they count."""
    found = []
    for path in tree.config_files("sysctl.d"):
        for line in (tree.text(path) or "").splitlines():
            assignment = _parsed(line.strip(), path)
            if assignment is not None:
                found.append(assignment)
    return found


def effective(assignments: list[Assignment], key: str) -> Assignment | None:
    """The line that decides ``key``; ``None`` if none speaks of it."""
    exact = [each for each in assignments if each.key == key]
    if exact:
        return exact[-1] if exact[-1].value is not None else None
    by_pattern = [each for each in assignments if "*" in each.key and _covers(each.key, key)]
    return by_pattern[-1] if by_pattern else None


def _parsed(line: str, path: str) -> Assignment | None:
    if not line or line[0] in "#;":
        return None
    key, equals, value = line.partition("=")
    key = key.strip()
    if equals:
        return Assignment(_dotted(key.removeprefix("-")), value.strip(), path)
    return Assignment(_dotted(key[1:]), None, path) if key.startswith("-") else None


def _dotted(key: str) -> str:
    """``net/ipv4/conf/eth0.1/x`` and ``net.ipv4.conf.eth0/1.x`` are the same key."""
    first = next((character for character in key if character in "./"), ".")
    if first == "/":
        return key.translate(str.maketrans("./", "/."))
    return key


def _covers(pattern: str, key: str) -> bool:
    return matches(key.replace(".", "/"), pattern.replace(".", "/"))


def _compared(key: str, value: Wanted, line: Assignment | None) -> tuple[Evidence, bool]:
    if line is None:
        return Evidence(key, "not set: the kernel's default", told(value)), False
    return Evidence(key, f"{line.value} ({line.path})", told(value)), satisfies(line.value, value)
