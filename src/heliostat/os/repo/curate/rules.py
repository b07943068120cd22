"""``distro/curation.yaml``: what the curator is told once and for all."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated

import msgspec

from heliostat.os.data import load

Reference = Annotated[
    str, msgspec.Meta(pattern=r"^([^{}]*\{id\}[^{}]*)?$", description="an address with {id} in it")
]


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source that stays as it is."""

    source: str
    """Name of the source package, or a pattern."""
    why: str


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    reboot: tuple[str, ...] = ()
    """Packages (names or patterns) whose update takes effect at the next start."""
    hold: tuple[Hold, ...] = ()
    cve_reference: Reference = ""
    """Address of what is known of a vulnerability."""
    most_text: int = 4000
    """Characters of an advisory's description that changelogs may fill."""

    def held(self, source: str) -> str:
        """Why the source stays as it is; empty: it doesn't."""
        for each in self.hold:
            if fnmatch.fnmatchcase(source, each.source):
                return each.why
        return ""

    def needs_reboot(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.reboot)


def load_rules(distro: Path) -> Rules:
    """The rules of the folder of the system's data."""
    return load(distro / "curation.yaml", Rules)
