"""Files below ``/usr`` that came with no package, by RPM's database in the tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from heliostat.os.inventory.installed import installed
from heliostat.os.tree.exclusion import left_out

# made from packaged files by their own programs, at compose or on the machine
_MADE = (
    "/usr/lib/sysimage/rpm",
    "/usr/lib/udev/hwdb.bin",
    "/usr/lib/modules/*/modules.*",
    "/usr/lib/locale/locale-archive",
    "/usr/**/__pycache__",
    "/usr/local",
)


def strays(root: Path) -> list[str]:
    """Those that no package has and that aren't made from packages."""
    owned = {path for package in installed(root) for path in package.entries}
    found = [path for path in _files(root / "usr", root) if path not in owned]
    made = set(left_out(_MADE, found))
    return [path for path in found if path not in made and not _below(path, made)]


def _files(folder: Path, root: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield f"{place}/{name}"[len(str(root)) :]


def _below(path: str, folders: set[str]) -> bool:
    return any(str(above) in folders for above in Path(path).parents)
