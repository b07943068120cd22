"""Where the space of a tree goes: bytes on disk by package, and by file within one.

A file counts with the blocks it takes; one with several names counts once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.inventory.installed import installed

NOBODY = "(made when composed)"


@dataclass(frozen=True, slots=True)
class Share:
    """Of one package, or one file."""

    name: str
    bytes: int
    files: int


def sizes(root: Path) -> list[Share]:
    """By package, largest first; what no package has is under ``NOBODY``."""
    owners = {path: each.name for each in installed(root) for path in each.entries}
    taken: dict[str, list[int]] = {}
    for path, size in _blocks(root):
        taken.setdefault(owners.get(path, NOBODY), []).append(size)
    return _sorted(Share(name, sum(each), len(each)) for name, each in taken.items())


def files_of(root: Path, package: str) -> list[Share]:
    """By file of one package, largest first; raises ``PackageNotFound``."""
    there = installed(root)
    if package != NOBODY and all(each.name != package for each in there):
        raise HeliostatError("PackageNotFound", f"The package {package} is not in {root}.")
    of = (each for each in there if package in (each.name, NOBODY))
    owned = {path for each in of for path in each.entries}
    return _sorted(
        Share(path, size, 1)
        for path, size in _blocks(root)
        if (path in owned) is (package != NOBODY)
    )


def _sorted(shares: Iterable[Share]) -> list[Share]:
    return sorted(shares, key=lambda share: (-share.bytes, share.name))


def _blocks(root: Path) -> Iterator[tuple[str, int]]:
    seen: set[int] = set()
    for folder, folders, names in os.walk(root):
        folders.sort()
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
        for name in [".", *sorted([*names, *links])]:
            path = folder if name == "." else f"{folder}/{name}"
            info = os.lstat(path)
            if info.st_nlink > 1 and name != ".":
                if info.st_ino in seen:
                    continue
                seen.add(info.st_ino)
            yield path[len(str(root)) :] or "/", info.st_blocks * 512
