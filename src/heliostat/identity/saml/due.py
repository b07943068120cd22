"""What is due before a service provider gets its answer.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.identity.directory.contract.people import Person
from heliostat.identity.saml import told
from heliostat.identity.saml.contexts import satisfied, wants_second_factor
from heliostat.identity.saml.records import ServiceProvider, SignInAsked
from heliostat.identity.saml.requests import Refusal
from heliostat.identity.saml.vocabulary import NameIdFormat, Status


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in to this browser; ``methods`` are those of RFC 8176."""

    person: Person
    browser: str
    methods: tuple[str, ...]
    signed_in_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody has to sign in, or (``stronger``) to show a second factor."""

    reason: str
    again: bool = False
    stronger: bool = False


def next_step(
    asked: SignInAsked, provider: ServiceProvider, signed_in: SignedIn | None, domain: str
) -> Ask | None:
    """What is due before the provider gets an answer: ``None`` if nothing.  Pure.

    Raises ``Refusal`` for what no sign-in helps.
    """
    ask = _missing(asked, signed_in)
    if ask is not None and asked.passive:
        raise Refusal(Status.RESPONDER, Status.NO_PASSIVE, ask.reason)
    if ask is not None:
        return ask
    if signed_in is None:  # for the types: ``_missing`` asked for somebody
        return Ask("Nobody is signed in.")
    if not told.let_in(signed_in.person, provider, domain):
        raise Refusal(
            Status.RESPONDER, Status.REQUEST_DENIED, f"{provider.name} is not for this person."
        )
    if asked.name_id is NameIdFormat.EMAIL and not signed_in.person.email:
        raise Refusal(
            Status.RESPONDER, Status.INVALID_NAME_ID_POLICY, "The person has no e-mail address."
        )
    return None


def _missing(asked: SignInAsked, signed_in: SignedIn | None) -> Ask | None:
    stronger = wants_second_factor(asked.contexts, asked.comparison)
    if signed_in is None:
        return Ask("Nobody is signed in.", stronger=stronger)
    older = signed_in.signed_in_ms < asked.asked_ms
    if asked.force and older:
        return Ask("The sign-in is older than the request.", again=True, stronger=stronger)
    if older and not asked.consumer.location.startswith("https://"):
        # any program of the machine can listen on its loopback address (RFC 8252, 8.6)
        return Ask("Nobody goes there unseen.", again=True, stronger=stronger)
    if satisfied(signed_in.methods, asked.contexts, asked.comparison) is None:
        if stronger:
            return Ask("A second factor is asked for.", stronger=True)
        raise Refusal(
            Status.RESPONDER, Status.NO_AUTHN_CONTEXT, "Nobody is signed in here in that way."
        )
    return None
