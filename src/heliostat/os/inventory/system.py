"""A system as its package database tells it: packages, and what needs what."""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from heliostat.os.inventory.installed import InstalledPackage, installed
from heliostat.os.packages.rpm.relation import Relation

_WORDS = re.compile(r"[()]|[^\s()]+(?:\([^)]*\))?[^\s()]*")
_RICH = {"and", "or", "if", "unless", "else", "with", "without", "(", ")"}
_OPERATORS = {"<", "<=", "=", ">=", ">"}
_MOST_LINKS = 40

Fetch = Callable[[str], Path | None]


@dataclass(frozen=True, eq=False)
class System:
    """Packages by name; ``root`` is where the files are, if they are at hand.

    Where they aren't, ``fetch`` brings a single regular file, or None if it isn't there.
    """

    name: str
    version: str
    packages: tuple[InstalledPackage, ...]
    root: Path | None
    fetch: Fetch | None = None

    @classmethod
    def read(cls, tree: Path, *, complete: bool = True, fetch: Fetch | None = None) -> System:
        """Of a tree folder; with ``complete`` its files can be looked at too.

        Raises ``DatabaseMissing``.
        """
        release = _release(tree)
        return cls(
            name=release.get("ID", "system"),
            version=release.get("VERSION_ID", ""),
            packages=tuple(installed(tree)),
            root=tree if complete else None,
            fetch=fetch,
        )

    @cached_property
    def owners(self) -> dict[str, list[InstalledPackage]]:
        """The packages of each path; only folders may have several."""
        found: dict[str, list[InstalledPackage]] = {}
        for package in self.packages:
            for path in package.entries:
                found.setdefault(path, []).append(package)
        return found

    @cached_property
    def links(self) -> dict[str, str]:
        """Symbolic links of all packages: path to target."""
        return {
            entry.path: entry.target
            for package in self.packages
            for entry in package.entries.values()
            if entry.target
        }

    @cached_property
    def _providers(self) -> dict[str, list[InstalledPackage]]:
        found: dict[str, list[InstalledPackage]] = {}
        for package in self.packages:
            for name in {relation.name for relation in package.relations("provides")}:
                found.setdefault(name, []).append(package)
        return found

    @cached_property
    def needs(self) -> dict[str, set[str]]:
        """Names of the packages that each package requires."""
        return {
            package.name: {
                provider.name
                for relation in package.relations("requires")
                for name in _names(relation)
                for provider in self.providers(name)
            }
            - {package.name}
            for package in self.packages
        }

    @cached_property
    def needed_by(self) -> dict[str, set[str]]:
        """Names of the packages that require each package."""
        found: dict[str, set[str]] = {package.name: set() for package in self.packages}
        for name, needs in self.needs.items():
            for needed in needs:
                found[needed].add(name)
        return found

    def providers(self, capability: str) -> list[InstalledPackage]:
        """Who provides a name, or owns a path."""
        if capability.startswith("/"):
            owners = self.owners.get(self.resolve(capability), [])
            return owners or self._providers.get(capability, [])
        return self._providers.get(capability, [])

    def chain_to(self, name: str) -> list[str]:
        """The shortest chain of requirements from a package that nobody requires to ``name``.

        Within a circle of packages that only require each other it is ``name`` alone.
        """
        paths = deque([[name]])
        seen = {name}
        while paths:
            path = paths.popleft()
            needing = sorted(self.needed_by.get(path[0], ()))
            if not needing:
                return path
            for above in needing:
                if above not in seen:
                    seen.add(above)
                    paths.append([above, *path])
        return [name]

    def resolve(self, path: str) -> str:
        """``path`` without symbolic links on the way to it; it may be one itself."""
        parts = deque(PurePosixPath("/", path).parts[1:])
        at, links = "", 0
        while parts:
            part = parts.popleft()
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}"
            target = self.links.get(here) if parts else None
            if target is None or links >= _MOST_LINKS:
                at = here
                continue
            links += 1
            parts.extendleft(reversed([p for p in PurePosixPath(target).parts if p != "/"]))
            at = "" if target.startswith("/") else at
        return at or "/"


def _names(relation: Relation) -> Iterator[str]:
    """Every name in a relation: of a rich one all that occur."""
    if not relation.rich:
        yield relation.name
        return
    words = iter(_WORDS.findall(relation.name))
    for word in words:
        if word in _OPERATORS:
            next(words, None)  # a version
        elif word not in _RICH:
            yield word


def _release(tree: Path) -> dict[str, str]:
    """What ``os-release`` says."""
    for name in ("usr/lib/os-release", "etc/os-release"):
        path = tree / name
        if path.is_file() and not path.is_symlink():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            pairs = (line.partition("=") for line in lines if "=" in line)
            return {key: _unquoted(value) for key, _, value in pairs}
    return {}


def _unquoted(value: str) -> str:
    """As a shell takes it; an image of a stranger may have a quotation mark that never ends."""
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip("\"' ")
