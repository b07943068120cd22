"""What joining changes on a machine, all of it; and by what a newer plan is told from an older."""

from __future__ import annotations

import sys

from heliostat.member.joining import log_in
from heliostat.member.joining.changes import Change, Run, digest
from heliostat.member.joining.family import family_of, packages_installed
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.upkeep import upkeep
from heliostat.member.places import Machine


def planned(machine: Machine, member: Membership, run: Run) -> list[Change]:
    """What joining changes, beside the certificate stores; ``run`` asks what is installed."""
    kept = list(upkeep(sys.executable))
    if not _lets_people_in(member):
        return kept
    family = family_of(machine)
    installed = packages_installed(family, run)
    return [*kept, *log_in.changes_for(machine, member, family, installed)]


def name_of_plan(machine: Machine, member: Membership) -> str:
    """One for what the machine shall be; what is fetched for it does not count."""
    kept = list(upkeep(sys.executable))
    if not _lets_people_in(member):
        return digest(kept)
    family = family_of(machine)
    everything = frozenset((*family.packages, *family.kerberos_packages))
    return digest([*kept, *log_in.changes_for(machine, member, family, everything)])


def _lets_people_in(member: Membership) -> bool:
    return member.directory is not None and not member.certificate_only
