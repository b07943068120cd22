"""What somebody has shown in a sign-in, and what that is worth.  Pure.

``amr`` are the names of RFC 8176.  ``acr`` is one of three words, of which the last two are
widely understood (OpenID Connect Extended Authentication Profile): ``sfa``, ``mfa``, ``phr``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum


class Proof(StrEnum):
    """One thing shown; kept with the browser's session."""

    PASSWORD = "pwd"  # noqa: S105 - the name of a proof
    ONE_TIME = "otp"
    RECOVERY = "recovery"
    """A recovery code."""
    DEVICE_KEY = "hwk"
    """A passkey that does not leave its device."""
    SYNCED_KEY = "swk"
    """A passkey that its owner's devices share."""
    PRESENT = "user"
    """Somebody touched the device of the passkey."""
    VERIFIED = "verified"
    """The device of the passkey asked for a PIN or a finger."""
    TICKET = "kerberos"
    """A Kerberos ticket."""
    ELSEWHERE = "fed"
    """Another provider said who it is."""
    ELSEWHERE_TWICE = "fed-mfa"
    """Another provider, which is believed about it, said that it asked for two factors."""


class Assurance(StrEnum):
    """How sure a sign-in is, least first."""

    SINGLE = "sfa"
    TWO = "mfa"
    PHISHING_RESISTANT = "phr"

    @property
    def rank(self) -> int:
        return list(Assurance).index(self)

    def covers(self, other: Assurance) -> bool:
        return self.rank >= other.rank


_PASSKEYS = frozenset({Proof.DEVICE_KEY, Proof.SYNCED_KEY})
_FIRSTS = frozenset({Proof.PASSWORD, Proof.TICKET, Proof.ELSEWHERE})
_CODES = frozenset({Proof.ONE_TIME, Proof.RECOVERY})
_TOLD_AS = {Proof.RECOVERY: "otp", Proof.ELSEWHERE_TWICE: "fed", Proof.VERIFIED: "pin"}


def assurance(proofs: Collection[str]) -> Assurance:
    """What ``proofs`` are worth together.

    A passkey whose device asked for a PIN is two factors by itself; one without is one, which a
    password completes.
    """
    shown = {Proof(each) for each in proofs if each in set(Proof)}
    first = not shown.isdisjoint(_FIRSTS)
    if not shown.isdisjoint(_PASSKEYS) and (first or Proof.VERIFIED in shown):
        return Assurance.PHISHING_RESISTANT
    if Proof.ELSEWHERE_TWICE in shown or (first and not shown.isdisjoint(_CODES)):
        return Assurance.TWO
    return Assurance.SINGLE


def amr(proofs: Iterable[str]) -> list[str]:
    """The claim of the same name, sorted; ``mfa`` is added for more than one factor."""
    shown = {Proof(each) for each in proofs if each in set(Proof)}
    told = {_TOLD_AS.get(each, each.value) for each in shown}
    if assurance([*shown]).covers(Assurance.TWO):
        told.add("mfa")
    return sorted(told)


def wanted(acr_values: str) -> Assurance:
    """The least of what a client names in ``acr_values``; others count not."""
    named = [Assurance(each) for each in acr_values.split() if each in set(Assurance)]
    return min(named, key=lambda each: each.rank, default=Assurance.SINGLE)
