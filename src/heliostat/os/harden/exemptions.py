"""Named exceptions: what may deviate, why, and until when.

An exception without a reason can't be written, and one past its day excuses nothing:
the finding is back, and says since when.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Collection, Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
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


def load_exemptions(
    folder: Path | None = None, rules: Collection[str] | None = None
) -> tuple[Exemption, ...]:
    """Those of ``distro/audit``, or of another folder of audit data.

    With ``rules``, the ids of all that are there, one for another rule is an error that tells
    the nearest: it would excuse nothing, without a word.
    """
    place = (folder or locate_distro() / "audit") / "exceptions.yaml"
    if not place.exists() and folder is not None:
        return ()
    found = load(place, Exemptions).exceptions
    if rules is not None:
        _require_rules(place, found, rules)
    return found


def _require_rules(place: Path, found: Iterable[Exemption], rules: Collection[str]) -> None:
    for name in (each.rule for each in found if each.rule not in rules):
        near = difflib.get_close_matches(name, rules, n=1, cutoff=0.4)
        told = f"did you mean {near[0]!r}?" if near else "none is similar."
        raise HeliostatError(
            "InvalidSetting",
            f"{place}: an exception is for the rule {name!r}, which isn't there; {told}",
            hint="Name a rule that is there, or remove the exception.",
        )


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
