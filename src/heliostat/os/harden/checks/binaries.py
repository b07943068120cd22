"""Programs and libraries: each hard property by file, the soft ones by share."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

import msgspec

from heliostat.os.harden.checks.finding import Finding, judged, not_applicable
from heliostat.os.harden.elf import Property, elf_files, lacks
from heliostat.os.harden.elffile import ElfFile
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree


class Elf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every file has this property."""

    property: Property


class Soft(StrEnum):
    """Properties that a file can lack for a good reason."""

    CANARY = "canary"
    FORTIFY = "fortify"


class ElfShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At least ``percent`` of the files that could have the property have it."""

    property: Soft
    percent: int
    code_bytes: int = 16384
    """Files with less code are left out: many have no function that needs it."""


_WANTED = {
    Property.PIE: ("fixed address", "position independent"),
    Property.RELRO: ("relocations writable", "RELRO"),
    Property.NOW: ("lazy binding", "bound at start (NOW)"),
    Property.NX: ("executable stack", "stack not executable"),
    Property.WRITABLE_CODE: ("a segment both writable and executable", "none"),
    Property.TEXT_RELOCATIONS: ("relocations in code", "none"),
    Property.READABLE: ("headers point outside of the file", "a whole file"),
}


def every_file(tree: Tree, wanted: Elf) -> Finding:
    files = _files(tree)
    if not files:
        return not_applicable("There is no program or library in the tree.")
    broken = (
        _evidence(path, facts, wanted.property)
        for path, facts in files
        if wanted.property in lacks(facts)
    )
    return judged("programs and libraries", broken, (), len(files))


def share(tree: Tree, wanted: ElfShare) -> Finding:
    could, has = _SOFT[wanted.property]
    files = [
        (path, facts)
        for path, facts in _files(tree)
        if facts is not None and facts.code_bytes >= wanted.code_bytes and could(facts)
    ]
    if not files:
        return not_applicable("There is no file that could have it.")
    without = sorted(
        ((path, facts) for path, facts in files if not has(facts)),
        key=lambda each: -each[1].code_bytes,
    )
    percent = 100 * (len(files) - len(without)) / len(files)
    told = tuple(
        Evidence(path, f"{facts.code_bytes // 1024} KiB of code without", wanted.property.value)
        for path, facts in without
    )
    summary = f"{percent:.1f} % of {len(files)} files have it; wanted: {wanted.percent} %."
    if percent < wanted.percent:
        return Finding(summary, told)
    return Finding(summary, held=told[:12])


_Test = Callable[[ElfFile], bool]
_SOFT: dict[Soft, tuple[_Test, _Test]] = {
    Soft.CANARY: (lambda facts: facts.dynamic and not facts.go, lambda facts: facts.canary),
    Soft.FORTIFY: (
        lambda facts: facts.dynamic and not facts.go and (facts.fortifiable or facts.fortified),
        lambda facts: facts.fortified,
    ),
}


@lru_cache(maxsize=2)
def _files(tree: Tree) -> tuple[tuple[str, ElfFile | None], ...]:
    """Read once for all rules of one audit."""
    return tuple(elf_files(tree.root))


def _evidence(path: str, facts: ElfFile | None, lacking: Property) -> Evidence:
    if lacking is Property.RUN_PATH and facts is not None:
        return Evidence(path, facts.run_path, "folders of the system only")
    found, wanted = _WANTED[lacking]
    return Evidence(path, found, wanted)
