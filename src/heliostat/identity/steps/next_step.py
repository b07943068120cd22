"""What a sign-in needs next.  Pure: from what is known of it, and the rules, to one step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heliostat.identity.steps.proofs import Assurance, assurance


class Step(StrEnum):
    """What the person is asked, in this order."""

    WHO = "who"
    SECOND = "second"
    ENROL = "enrol"
    BANNER = "banner"
    CONSENT = "consent"
    ON = "on"
    """Nothing more: back to what asked for the sign-in."""
    UNMET = "unmet"
    """The client asks for more than this person can show."""


class Requirement(StrEnum):
    """Whether people have a second factor."""

    OFF = "off"
    """Nobody is asked for one, but where a client asks for it."""
    OPTIONAL = "optional"
    """Who has one is asked."""
    REQUIRED = "required"
    """Who has none must enrol one."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A sign-in as of now.

    ``has_code`` and ``has_passkey``: what the person has enrolled.  ``may_wait``: enrolling is
    required, but not today.  ``banner`` and ``consent``: to be asked, and not answered yet.
    """

    proofs: tuple[str, ...] = ()
    has_code: bool = False
    has_passkey: bool = False
    requirement: Requirement = Requirement.OPTIONAL
    may_wait: bool = False
    put_off: bool = False
    wanted: Assurance = Assurance.SINGLE
    banner: bool = False
    consent: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The step, and why."""

    step: Step
    reason: str


def next_step(now: Situation) -> Decision:
    """What to ask next."""
    if not now.proofs:
        return Decision(Step.WHO, "nobody has said who it is")
    shown = assurance(now.proofs)
    return (
        _second_factor(now, shown)
        or _enrolment(now, shown)
        or _agreement(now)
        or Decision(Step.ON, f"{shown} is shown, and nothing else is asked for")
    )


def _second_factor(now: Situation, shown: Assurance) -> Decision | None:
    if not shown.covers(now.wanted):
        phishable = now.wanted is not Assurance.PHISHING_RESISTANT
        if now.has_passkey or (phishable and now.has_code):
            return Decision(Step.SECOND, f"the program asks for {now.wanted}; {shown} is shown")
        if now.requirement is Requirement.REQUIRED and not (now.has_code or now.has_passkey):
            return Decision(Step.ENROL, "a second factor is required, and none is enrolled")
        return Decision(
            Step.UNMET, f"the client asks for {now.wanted}, for which nothing is enrolled"
        )
    if shown.covers(Assurance.TWO) or now.requirement is Requirement.OFF:
        return None
    if now.has_code or now.has_passkey:
        return Decision(Step.SECOND, f"a second factor is enrolled; {shown} is shown")
    return None


def _enrolment(now: Situation, shown: Assurance) -> Decision | None:
    if now.requirement is not Requirement.REQUIRED or shown.covers(Assurance.TWO):
        return None
    if not now.may_wait:
        return Decision(Step.ENROL, "a second factor is required, and none is enrolled")
    if not now.put_off:
        return Decision(Step.ENROL, "a second factor will be required, and none is enrolled")
    return None


def _agreement(now: Situation) -> Decision | None:
    if now.banner:
        return Decision(Step.BANNER, "the banner is not accepted")
    if now.consent:
        return Decision(Step.CONSENT, "the program has not been let in")
    return None
