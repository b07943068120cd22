"""What SAML keeps of a tenant: keys, service providers, and what is under way."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.saml.vocabulary import Binding, NameIdFormat

RESPONSE, ASSERTION, BOTH = SIGNED = ("response", "assertion", "both")
"""What can be signed for a service provider: at least one of the two always is."""


class SamlKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs messages from ``signs_from_ms`` on, and is published before and after.

    ``sealed`` is its private half.
    """

    id: str
    sealed: str
    certificate_pem: str
    signs_from_ms: int
    created_ms: int
    schema: int = 1


class LastingName(msgspec.Struct, frozen=True, kw_only=True):
    """What one person is always called to one provider; goes with the person."""

    id: str
    user: str
    value: str
    schema: int = 1


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages go; ``answers`` is where responses go, if elsewhere."""

    binding: Binding
    location: str
    answers: str = ""
    index: int = 0
    default: bool = False


class ServiceProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A program that people sign in to with SAML.

    ``attributes`` are what it is told of people; ``groups`` (if any) whom it lets in.
    Certificates are base64 of DER.
    """

    name: str
    entity_id: str
    title: str = ""
    consumers: tuple[Endpoint, ...] = ()
    logouts: tuple[Endpoint, ...] = ()
    signing: tuple[str, ...] = ()
    encryption: tuple[str, ...] = ()
    name_id: NameIdFormat = NameIdFormat.PERSISTENT
    attributes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    wants_signed_requests: bool = False
    wants_signed_response: bool = True
    wants_signed_assertion: bool = True
    encrypts: bool = False
    unsolicited: bool = False
    created_ms: int = 0
    schema: int = 1

    @property
    def name_id_word(self) -> str:
        """The format of names, as administrators write it."""
        return self.name_id.word

    @property
    def signs(self) -> str:
        """What is signed for it, as administrators write it."""
        if self.wants_signed_response and self.wants_signed_assertion:
            return BOTH
        return RESPONSE if self.wants_signed_response else ASSERTION

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """SHA-256 of the certificates, as ``AB:CD:…``."""
        both = dict.fromkeys((*self.signing, *self.encryption))
        digests = (hashlib.sha256(base64.b64decode(each)).digest() for each in both)
        return tuple(each.hex(":").upper() for each in digests)


class SignInAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A request to sign somebody in, as the browser carries it, sealed; ``id`` is its own."""

    id: str
    provider: str
    consumer: Endpoint
    request_id: str
    relay_state: str
    force: bool
    passive: bool
    contexts: tuple[str, ...]
    comparison: str
    name_id: NameIdFormat
    asked_ms: int
    expires_ms: int
    schema: int = 1


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A service provider that somebody was signed in to from a browser.

    ``also`` are further sessions of the same name there, once they are to end.
    """

    id: str
    browser: str
    provider: str
    name_id: str
    name_id_format: NameIdFormat
    session_index: str
    expires_ms: int
    also: tuple[str, ...] = ()
    schema: int = 1


class Logout(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's way through its service providers; ``id`` is the hash of RelayState's secret.

    ``asked_by`` (as people call it) began it, and is answered at ``answers`` to
    ``request_id``; where we did, the browser goes on to ``onward``.  ``waits_for`` is the
    request that is to be answered.
    """

    id: str
    left: tuple[Participant, ...]
    asked_by: str = ""
    answers: Endpoint | None = None
    request_id: str = ""
    relay_state: str = ""
    onward: str = ""
    waits_for: str = ""
    waits_at: str = ""
    partial: bool = False
    expires_ms: int = 0
    schema: int = 1


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What another identity provider has asserted; ``asked`` is what the browser was sent with."""

    id: str
    asked: str
    provider_id: str
    issuer: str
    name_id: str
    context: str
    attributes: dict[str, tuple[str, ...]]
    expires_ms: int
    schema: int = 1


@dataclass(frozen=True, slots=True)
class SamlKinds:
    """Where a tenant's documents of SAML lie."""

    providers: Kind[ServiceProvider]
    keys: Kind[SamlKey]
    names: Kind[LastingName]
    participants: Kind[Participant]
    logouts: Kind[Logout]
    arrivals: Kind[Arrival]

    @classmethod
    def of(cls, tenant_id: str) -> Self:
        """Those of the tenant with this id."""
        return cls(
            providers=Kind(
                f"service-provider/{tenant_id}",
                ServiceProvider,
                indexes={"entity_id": lambda provider: provider.entity_id},
                identify=lambda provider: provider.name,
            ),
            keys=Kind(f"saml-key/{tenant_id}", SamlKey),
            names=Kind(
                f"saml-name/{tenant_id}", LastingName, indexes={"user": lambda each: each.user}
            ),
            participants=Kind(
                f"saml-participant/{tenant_id}",
                Participant,
                indexes={
                    "browser": lambda each: each.browser,
                    "named": lambda each: named(each.provider, each.name_id),
                },
            ),
            logouts=Kind(f"saml-logout/{tenant_id}", Logout),
            arrivals=Kind(f"saml-arrival/{tenant_id}", Arrival),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them."""
        return (self.providers, self.keys, self.names)

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those that end by themselves."""
        return (self.participants, self.logouts, self.arrivals)


def named(provider: str, name_id: str) -> str:
    """Under what a provider's name for somebody is found."""
    return hashlib.sha256(f"{provider}\0{name_id}".encode()).hexdigest()


def key_place(tenant: str, id_: str) -> str:
    """What a private key is sealed for."""
    return f"saml/{tenant}/{id_}"
