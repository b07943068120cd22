"""The hardening policy of programs and libraries, and which files break it.

Hard properties hold for every file or are excused by name: position independent,
relocations read-only and bound at once, no executable stack, no writable code, no
relocations in code, no run path that others can write to.  Stack canaries and fortified
functions leave a trace only where a function needed them, so that their absence in one
file proves nothing: they are judged by share (:mod:`.checks`).
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heliostat.os.harden.elffile import ElfFile, NotReadable, read
from heliostat.os.harden.exemptions import Exemption, excuse, load_exemptions
from heliostat.os.harden.packages import paths_built_here
from heliostat.os.harden.patterns import VOLATILE, matches

_BESIDE = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})(?:/.*)?")
_LIBRARIES = re.compile(r"(?:/usr)?/lib(?:32|64|exec)?(?:/.*)?|/opt/.+")
OUTSIDE = ("/usr/lib/modules/**", "/usr/lib/firmware/**", "/usr/lib/debug/**", "/boot/**")
"""What no program of the system loads: code for the kernel, devices and debuggers."""


class Property(StrEnum):
    """What every file has; the value is also the rule's id after ``elf-``."""

    PIE = "pie"
    RELRO = "relro"
    NOW = "now"
    NX = "nx"
    WRITABLE_CODE = "writable-code"
    TEXT_RELOCATIONS = "text-relocations"
    RUN_PATH = "run-path"
    READABLE = "readable"

    @property
    def rule(self) -> str:
        return f"elf-{self.value}"


_TOLD = {
    Property.PIE: "is loaded at a fixed address",
    Property.RELRO: "keeps its relocations writable",
    Property.NOW: "binds its functions lazily",
    Property.NX: "wants an executable stack",
    Property.WRITABLE_CODE: "has code that can be written",
    Property.TEXT_RELOCATIONS: "has relocations in its code",
    Property.RUN_PATH: "looks for libraries where others may write",
    Property.READABLE: "has damaged headers",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One file that lacks one property, and no exception says that it may."""

    path: str
    property: Property

    def __str__(self) -> str:
        return f"{self.path} {_TOLD[self.property]}"


def violations(
    root: Path,
    exceptions: Sequence[Exemption] | None = None,
    *,
    today: dt.date | None = None,
    ours: Container[str] | None = None,
    files: Iterable[tuple[str, ElfFile | None]] | None = None,
) -> list[Violation]:
    """Files of the tree at ``root`` against the policy, in the order of their paths.

    ``exceptions`` are those of ``distro/audit`` unless given; ``today`` decides which of
    them still count, and ``ours`` (paths of builds of ours, by default those that the tree's
    database tells) which are meant for the archive's builds only.  ``files`` are the tree's
    if they were read before.
    """
    known = load_exemptions() if exceptions is None else exceptions
    day = today or dt.datetime.now(dt.UTC).date()
    built = paths_built_here(root) if ours is None else ours
    return [
        Violation(path, lacking)
        for path, facts in (elf_files(root) if files is None else files)
        for lacking in lacks(facts)
        if excuse(known, lacking.rule, path, day, ours=path in built) is None
    ]


def lacks(facts: ElfFile | None) -> Iterator[Property]:
    """What the file should have and doesn't; a damaged file (``None``) lacks all that counts."""
    if facts is None:
        yield Property.READABLE
        return
    if facts.executable and not facts.position_independent:
        yield Property.PIE
    if not facts.relro:
        yield Property.RELRO
    if facts.dynamic and not facts.bind_now:
        yield Property.NOW
    if facts.stack_executable:
        yield Property.NX
    if facts.writable_code:
        yield Property.WRITABLE_CODE
    if facts.text_relocations:
        yield Property.TEXT_RELOCATIONS
    if not _trusted(facts.run_path):
        yield Property.RUN_PATH


def elf_files(root: Path, outside: Iterable[str] = OUTSIDE) -> Iterator[tuple[str, ElfFile | None]]:
    """Path within the tree and facts of each program and library; a hard link counts once."""
    excluded = tuple(outside)
    seen: set[tuple[int, int]] = set()
    for path, status in _files(root):
        identity = (status.st_dev, status.st_ino)
        if identity in seen or any(matches(path, pattern) for pattern in excluded):
            continue
        if status.st_nlink > 1:
            seen.add(identity)
        try:
            facts = read(f"{root}{path}")
        except FileNotFoundError:  # of a running system: it went meanwhile
            continue
        except NotReadable:
            yield path, None
        else:
            if facts is not None:
                yield path, facts


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files with 64 bytes or more (no ELF file is smaller), sorted by path."""
    start = str(root).rstrip("/")
    for folder, folders, names in os.walk(start or "/"):
        inside = folder.rstrip("/")[len(start) :]
        folders[:] = sorted(each for each in folders if f"{inside}/{each}" not in VOLATILE)
        for name in sorted(names):
            path = f"{start}{inside}/{name}"
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size >= 64:
                yield path[len(start) :], status


def _trusted(run_path: str) -> bool:
    """Only folders of the system, or beside the file itself, belong on a run path."""
    return all(_is_trusted(part) for part in run_path.split(":") if run_path)


def _is_trusted(part: str) -> bool:
    if _BESIDE.fullmatch(part):
        return "/../../.." not in part
    return _LIBRARIES.fullmatch(os.path.normpath(part)) is not None
