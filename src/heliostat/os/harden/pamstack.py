"""A service's stack of PAM modules, ``@include``, ``include`` and ``substack`` followed.

Format: pam.conf(5).  Files are looked for in ``/etc/pam.d`` and then ``/usr/lib/pam.d``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.os.harden.tree import Tree

_FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d")
_DEEPEST = 16
_LINE = re.compile(r"(-?)(auth|account|password|session)\s+(\[[^]]*\]|\S+)\s+(\S+)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Module:
    """One line: group, control, module as written, arguments, file."""

    group: str
    control: str
    module: str
    arguments: tuple[str, ...]
    path: str
    optional: bool = False
    """A dash before it: it may be missing without a word."""

    @property
    def name(self) -> str:
        """Without its folder."""
        return self.module.rpartition("/")[2]


def stack(tree: Tree, service: str) -> list[Module] | None:
    """Modules of ``service`` in order; ``None`` if it has no file."""
    path = _file(tree, service)
    return None if path is None else list(_modules(tree, path, None, 0))


def services(tree: Tree) -> list[str]:
    """Names of the services that have a file."""
    names = {path.rpartition("/")[2] for folder in _FOLDERS for path in tree.files_in(folder)}
    return sorted(names)


def _file(tree: Tree, service: str) -> str | None:
    for folder in _FOLDERS:
        if tree.text(f"{folder}/{service}") is not None:
            return f"{folder}/{service}"
    return None


def _modules(tree: Tree, path: str, only: str | None, depth: int) -> Iterator[Module]:
    text = (tree.text(path) or "").replace("\\\n", " ")
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("@include"):
            yield from _included(tree, line.split(None, 1)[-1], only, depth)
            continue
        found = _LINE.fullmatch(line)
        if found is None or (only is not None and found[2] != only):
            continue
        dash, group, control, module, arguments = found.groups()
        if control in ("include", "substack"):
            yield from _included(tree, module, group, depth)
        else:
            yield Module(group, control, module, tuple(arguments.split()), path, bool(dash))


def _included(tree: Tree, service: str, only: str | None, depth: int) -> Iterator[Module]:
    path = _file(tree, service)
    if path is not None and depth < _DEEPEST:
        yield from _modules(tree, path, only, depth + 1)
