"""Named exceptions: what may deviate, why, and until when.

An exception without a reason can't be written, and one past its day excuses nothing:
the finding is back, and says since when.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from heliostat.os.data import load
from heliostat.os.harden.patterns import matches
from heliostat.os.image.distro import locate_distro


class Builds(StrEnum):
    """Whose builds an exception covers."""

    ANY = "any"
    ARCHIVE = "archive"
    """Of programs that we build better: the same deviation in a build of ours is a fault."""


class Exemption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One deviation that is known and accepted."""

    rule: str
    """Id of the audit rule, e.g. ``elf-pie``."""
    reason: str
    until: dt.date
    """The last day on which it counts."""
    paths: tuple[str, ...] = ("**",)
    """Patterns of the paths it covers, as the findings tell them."""
    builds: Builds = Builds.ANY

    def covers(self, rule: str, path: str, *, ours: bool = False) -> bool:
        if self.rule != rule or (ours and self.builds is Builds.ARCHIVE):
            return False
        return any(matches(path, pattern) for pattern in self.paths)


class Exemptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``distro/audit/exceptions.yaml``."""

    exceptions: tuple[Exemption, ...] = ()


def load_exemptions(folder: Path | None = None) -> tuple[Exemption, ...]:
    """Those of ``distro/audit``, or of another folder of audit data."""
    place = (folder or locate_distro() / "audit") / "exceptions.yaml"
    return load(place, Exemptions).exceptions if place.exists() or folder is None else ()


def excuse(
    exemptions: Iterable[Exemption], rule: str, path: str, today: dt.date, *, ours: bool = False
) -> Exemption | None:
    """The exception that covers this finding today; ``ours``: the file is of a build of ours."""
    for exemption in exemptions:
        if exemption.until >= today and exemption.covers(rule, path, ours=ours):
            return exemption
    return None


def lapsed(
    exemptions: Iterable[Exemption], rule: str, path: str, today: dt.date
) -> Exemption | None:
    """The exception that covered it once."""
    for exemption in exemptions:
        if exemption.until < today and exemption.covers(rule, path):
            return exemption
    return None
