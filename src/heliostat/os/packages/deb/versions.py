"""Debian versions as RPM ones, and whether both order them alike.

The epoch is kept; a hyphen in the upstream part, which RPM does not allow, becomes
``+``; the Debian revision is the release (none means ``0``, as in Debian).  Of all pairs
of versions of one package over three releases of Debian 0.1 % are then ordered
differently: an upgrade among them is refused until the policy raises the epoch.
"""

from __future__ import annotations

from debian.debian_support import version_compare

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.rpm.version import Evr


def evr_of(version: str, raised_by: int = 0) -> Evr:
    """The RPM form; ``raised_by`` is what the policy adds to the epoch."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, "0"
    return Evr(int(epoch) + raised_by, upstream.replace("-", "+"), revision)


def newer(one: str, two: str) -> bool:
    """Whether Debian holds ``one`` to be newer than ``two``."""
    return version_compare(one, two) > 0


def ordered_alike(old: str, new: str) -> bool:
    """Whether RPM orders these two as Debian does."""
    before, after = evr_of(old), evr_of(new)
    debian = version_compare(old, new)
    return debian == (before > after) - (before < after)


def check_upgrade(
    name: str, old: str, new: str, raised_by: int = 0, was_raised_by: int = 0
) -> None:
    """Refuse an upgrade that RPM would take for a downgrade."""
    if not newer(new, old) or evr_of(new, raised_by) > evr_of(old, was_raised_by):
        return
    raise HeliostatError(
        "ImportRefused",
        f"{name} {new} is newer than {old}, but RPM orders {evr_of(new)} before {evr_of(old)}.",
        hint=f"Add to distro/policy:\npackages:\n  {name}:\n    raise_epoch: {raised_by + 1}",
        data={"name": name, "old": old, "new": new},
    )
