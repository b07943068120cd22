"""Libraries that are in a tree without being packages of its own: Go's modules, Python's.

Go links modules into its programs, which tell of them; Python's distributions lie as
folders of metadata beside their code.  Either may belong to a package of the
system, whose maker then patches them without a new version of theirs.
Formats: :mod:`go_build`; the Python packaging user guide, "Core metadata specifications".
"""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from heliostat.os.harden.elffile import NotReadable
from heliostat.os.harden.elffile import read as read_elf
from heliostat.os.harden.patterns import VOLATILE
from heliostat.os.inventory.go_build import go_build

_METADATA_BYTES = 1 << 20
_RUNS = re.compile(r"[-_.]+")
_RELEASE = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?(?:(rc|beta)(\d+))?(?:[ \-+].*)?$")
_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
STANDARD_LIBRARY = "stdlib"


class Ecosystem(StrEnum):
    """As OSV calls them."""

    GO = "Go"
    PYPI = "PyPI"


@dataclass(frozen=True, slots=True, order=True)
class Library:
    """One version of a library; ``places`` are the programs or folders that hold it."""

    ecosystem: Ecosystem
    name: str
    version: str
    places: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name by which statements speak of it."""
        return python_key(self.name) if self.ecosystem is Ecosystem.PYPI else self.name

    @property
    def purl(self) -> str:
        """By the specification "purl", types ``golang`` and ``pypi``."""
        version = quote(self.version, safe="~")
        if self.ecosystem is Ecosystem.PYPI:
            return f"pkg:pypi/{quote(self.name.lower().replace('_', '-'))}@{version}"
        return f"pkg:golang/{quote(self.name.lower(), safe='/~')}@{version}"


def python_key(name: str) -> str:
    """``zope.interface`` and ``Zope_Interface`` are one (PEP 503)."""
    return _RUNS.sub("-", name).lower()


def libraries_in(root: Path) -> list[Library]:
    """Every library of a tree, sorted; files that can't be read are passed over.

    ``root`` may be a single program too.
    """
    told = _of_program(root, f"/{root.name}") if root.is_file() else _of_tree(root)
    found: dict[tuple[Ecosystem, str, str], list[tuple[str, str]]] = defaultdict(list)
    for path, ecosystem, name, version in told:
        key = python_key(name) if ecosystem is Ecosystem.PYPI else name
        found[ecosystem, key, version].append((name, path))
    return sorted(
        Library(ecosystem, min(named)[0], version, tuple(sorted(path for _, path in named)))
        for (ecosystem, _, version), named in found.items()
    )


_Told = Iterator[tuple[str, Ecosystem, str, str]]


def _of_tree(root: Path) -> _Told:
    """Path, ecosystem, name and version, as often as they occur."""
    for place, folders, files in os.walk(root):
        inside = place.rstrip("/")[len(str(root).rstrip("/")) :]  # the root may be / itself
        folders[:] = sorted(name for name in folders if f"{inside}/{name}" not in VOLATILE)
        for name in files:
            yield from _of_program(Path(place, name), f"{inside}/{name}")
        yield from _python(root, inside, [*folders, *files])


def _of_program(path: Path, told_as: str) -> _Told:
    """What a program tells of itself."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return
        facts = read_elf(path)
        if facts is None or facts.go_at is None:
            return
        build = go_build(path, facts.go_at)
    except (OSError, NotReadable):
        return
    if build is not None:
        for module in build.modules:
            yield told_as, Ecosystem.GO, module.path, module.version
        if release := go_release(build.tool_chain):
            yield told_as, Ecosystem.GO, STANDARD_LIBRARY, release


def go_release(tool_chain: str) -> str:
    """``go1.24rc2`` as OSV numbers it: ``1.24.0-rc.2``; empty for one that was never released."""
    match = _RELEASE.match(tool_chain)
    if match is None:
        return ""
    major, minor, patch, stage, number = match.groups()
    return f"{major}.{minor}.{patch or 0}" + (f"-{stage}.{number}" if stage else "")


def _python(root: Path, inside: str, names: list[str]) -> _Told:
    """Metadata of distributions: a folder of it, or a file in place of the folder."""
    for name in names:
        suffix = Path(name).suffix
        if suffix not in _METADATA:
            continue
        path = Path(f"{root}{inside}/{name}")
        if path.is_symlink():
            continue
        told = _distribution(path / _METADATA[suffix] if path.is_dir() else path)
        if told is not None:
            yield f"{inside}/{name}", Ecosystem.PYPI, *told


def _distribution(path: Path) -> tuple[str, str] | None:
    """Name and version, from the headers before the description."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open(encoding="utf-8", errors="replace") as stream:
            headers = HeaderParser().parsestr(stream.read(_METADATA_BYTES))
    except OSError:
        return None
    name, version = str(headers.get("Name", "")).strip(), str(headers.get("Version", "")).strip()
    return (name, version) if name and version else None


def is_program(path: Path) -> bool:
    """Whether the file begins like a program."""
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"
