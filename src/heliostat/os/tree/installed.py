"""What is installed in a tree, by RPM's database: packages, their files, and files of nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.os.tree.database import query
from heliostat.os.tree.exclusion import left_out

_ROW = "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{SOURCERPM}\\n[%{FILENAMES}\\t%{FILESTATES}\\n]\\n"
_NORMAL = "0"
# made from packaged files by their own programs, at compose or on the machine
_MADE = (
    "/usr/lib/sysimage/rpm",
    "/usr/lib/udev/hwdb.bin",
    "/usr/lib/modules/*/modules.*",
    "/usr/lib/locale/locale-archive",
    "/usr/**/__pycache__",
    "/usr/local",
)


@dataclass(frozen=True, slots=True)
class Installed:
    """A package of a tree; ``files`` are those that were installed, folders among them."""

    name: str
    version: str
    source_rpm: str
    files: tuple[str, ...]


def installed(root: Path) -> list[Installed]:
    """The packages of the tree, sorted by name."""
    told = query(root, ["--all", "--queryformat", _ROW])
    found = [_package(block) for block in told.split("\n\n") if block.strip()]
    return sorted(found, key=lambda package: package.name)


def _package(block: str) -> Installed:
    head, *rows = block.strip("\n").splitlines()
    name, version, source_rpm = head.split("\t")
    files = [row.rsplit("\t", 1) for row in rows]
    there = tuple(path for path, state in files if state == _NORMAL)
    return Installed(name, version, source_rpm, there)


def left_out_paths(root: Path) -> list[str]:
    """Files below ``/usr`` that no package has and that aren't made from packages."""
    owned = {path for package in installed(root) for path in package.files}
    stray = [path for path in _files(root / "usr", root) if path not in owned]
    made = set(left_out(_MADE, stray))
    return [path for path in stray if path not in made and not _below(path, made)]


def _files(folder: Path, root: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield f"{place}/{name}"[len(str(root)) :]


def _below(path: str, folders: set[str]) -> bool:
    return any(str(above) in folders for above in Path(path).parents)
