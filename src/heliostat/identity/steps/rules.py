"""The rules of a tenant's sign-in, as the steps read them.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.steps.next_step import Requirement

RECENT_S = 900
"""Seconds after a sign-in in which changes to the account need no other."""


@dataclass(frozen=True, slots=True)
class SignInRules:
    """Second factors and the banner.

    ``required_groups`` (``DOMAIN\\name``, or bare names) must have a second factor even where
    others need not.  Enrolling may be put off until ``grace_ends_ms``.
    """

    requirement: Requirement = Requirement.OPTIONAL
    required_groups: tuple[str, ...] = ()
    grace_ends_ms: int = 0
    verified_passkeys: bool = False
    banner_title: str = ""
    banner_text: str = ""

    def requirement_for(self, groups: tuple[str, ...]) -> Requirement:
        """What counts for somebody in ``groups`` (``DOMAIN\\name``)."""
        named = {fold(each) for each in self.required_groups}
        mine = {fold(each) for each in groups} | {fold(each.partition("\\")[2]) for each in groups}
        return self.requirement if named.isdisjoint(mine) else Requirement.REQUIRED


def rules_of(options: IdentityOptions) -> SignInRules:
    """The rules that a tenant's options set."""
    factors = options.second_factors
    return SignInRules(
        requirement=Requirement(factors.requirement),
        required_groups=factors.required_groups,
        grace_ends_ms=_end_of(factors.enrol_by),
        verified_passkeys=factors.verified_passkeys,
        banner_title=options.banner.title,
        banner_text=options.banner.text,
    )


def _end_of(day: str) -> int:
    if not day:
        return 0
    after = date.fromisoformat(day) + timedelta(days=1)
    return int(datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp() * 1000)
