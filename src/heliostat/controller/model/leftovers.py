"""What may be removed of what hosts found in their datastores and don't need (pure).

Removed are copies of images that nothing stands on and nobody wants there, and disks
of machines that no document names, each after its grace time.  Persistent disks are
told and kept unless the site's settings say otherwise: a store that was restored from
a copy knows nothing of the disks made since.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from heliostat.agentlink.messages import Leftover, LeftoverKind
from heliostat.controller.model.replication import Copy


@dataclass(frozen=True, slots=True)
class Grace:
    """Seconds that a thing was not needed before it goes."""

    images_s: float
    others_s: float
    removes_disks: bool = False

    def of(self, kind: LeftoverKind) -> float:
        return self.images_s if kind is LeftoverKind.IMAGE else self.others_s


@dataclass(frozen=True, slots=True)
class Known:
    """What documents name at ``revision``: readable or not, a document is one."""

    revision: int
    copies: Collection[Copy]
    vms: Collection[str]
    disks: Collection[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a leftover goes, and why it does or stays; ``told`` if people should know."""

    leftover: Leftover
    remove: bool
    reason: str
    told: bool = False


def judge(leftover: Leftover, known: Known, grace: Grace) -> Verdict:
    """What becomes of one leftover."""
    if leftover.revision > known.revision:
        newer = f"Its host heard of it at {leftover.revision}, the store is at {known.revision}."
        return Verdict(leftover, False, newer, told=True)
    if _named(leftover, known):
        return Verdict(leftover, False, "It is in use, or shall be there.")
    if leftover.unneeded_s < grace.of(leftover.kind):
        left_s = grace.of(leftover.kind) - leftover.unneeded_s
        return Verdict(leftover, False, f"Its grace time ends in {left_s:.0f} s.")
    if leftover.kind is LeftoverKind.DISK and not grace.removes_disks:
        return Verdict(leftover, False, "No document names this persistent disk.", told=True)
    what = "Nothing uses it" if leftover.kind is LeftoverKind.IMAGE else "No document names it"
    return Verdict(leftover, True, f"{what}, for {leftover.unneeded_s:.0f} s.", told=True)


def _named(leftover: Leftover, known: Known) -> bool:
    if leftover.kind is LeftoverKind.IMAGE:
        return Copy(leftover.id, leftover.datastore) in known.copies
    return leftover.id in (known.vms if leftover.kind is LeftoverKind.VM else known.disks)
