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
    """The RPM form; ``raised_by`` is what the policy adds to the epoch.

    Raises ``ValueError`` if what stands where the epoch does is no number.
    """
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    if not epoch.isdecimal():
        raise ValueError(f"the version {version!r:.100} has the epoch {epoch!r:.100}")
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


def check_published(name: str, published: Evr, new: str, raised_by: int = 0) -> None:
    """Refuse ``new`` if Debian holds it newer than what is published, and RPM doesn't.

    The published version is taken as Debian's: of what the mapping loses (a hyphen that
    became ``+``, a revision ``0`` that was none) nothing changes the order in practice.
    """
    if not hidden_upgrade(published, new, raised_by):
        return
    check_upgrade(name, plain(published, raised_by), new, raised_by, raised_by)


def plain(published: Evr, raised_by: int = 0) -> str:
    """A published version as Debian would write it."""
    epoch = max(published.epoch - raised_by, 0)
    return f"{epoch}:{published.version}-{published.release}"


def hidden_upgrade(published: Evr, new: str, raised_by: int = 0) -> bool:
    """Whether ``new`` is an upgrade that RPM would not see."""
    return newer(new, plain(published, raised_by)) and not evr_of(new, raised_by) > published
