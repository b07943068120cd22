"""What is kept of other providers: how each is asked, and which of its people are who here.

``saml`` is what a provider of kind SAML has instead of ``oidc``.  Secrets are sealed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.steps.records import Continuation


class ProviderKind(StrEnum):
    """What a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"


class GroupRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who has ``value`` there (``*`` and ``?`` stand for any letters) is in ``group`` here."""

    value: str
    group: str


class ClaimMap(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider calls what is kept of a person; empty: not taken over.

    Names may lead into objects, ``realm_access.roles``.
    """

    name: str = "preferred_username"
    given_name: str = "given_name"
    family_name: str = "family_name"
    email: str = "email"
    groups: str = "groups"


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an OpenID provider is asked; ``secret`` and ``private_key`` are sealed, or empty.

    ``ca_pem`` are the authorities that its certificate may be of (empty: the machine's).
    """

    issuer: str
    client_id: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    secret: str = ""
    private_key: str = ""
    ca_pem: str = ""


class SamlSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a SAML provider is asked: its metadata, as it was imported."""

    entity_id: str
    metadata: str


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that people may sign in with; ``id`` tells it from a later one of its name.

    ``make_users``: whoever it knows is made here at the first sign-in.  ``email_domains``: only
    people whose proven address is in one of them (empty: all).  ``trust_second_factor``: it is
    believed when it says that it asked for two.  ``disabled_ms`` is since when it is disabled (0:
    it is not, or nobody wrote it down yet); ``keeps_sessions``: what came through it goes on.
    """

    id: str
    name: str
    kind: ProviderKind
    title: str
    created_ms: int
    disabled: bool = False
    make_users: bool = True
    trust_second_factor: bool = False
    email_domains: tuple[str, ...] = ()
    claims: ClaimMap = ClaimMap()
    groups: tuple[GroupRule, ...] = ()
    oidc: OidcSettings | None = None
    saml: SamlSettings | None = None
    disabled_ms: int = 0
    keeps_sessions: bool = False
    schema: int = 1


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One of a provider's people, and the user that it is here.

    Found by issuer and subject alone; ``made_ms`` tells the user from a later one of its name.
    """

    id: str
    provider: str
    issuer: str
    subject: str
    user: str
    made_ms: int
    created_ms: int
    used_ms: int = 0
    schema: int = 1

    @property
    def name(self) -> str:
        """Lists are in the order of users."""
        return self.user


class AskedElsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that was sent to a provider; ``id`` is the hash of the state it comes back with.

    ``browser`` is the hash of a cookie: only the browser that was sent may come back.
    """

    id: str
    provider: str
    continuation: Continuation
    browser: str
    nonce: str
    verifier: str
    expires_ms: int
    schema: int = 1


def link_id(provider: Provider, issuer: str, subject: str) -> str:
    """Where the link of one of a provider's people is kept."""
    said = "\0".join((provider.id, issuer, subject))
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class FederationKinds:
    """Where a tenant's documents of other providers lie."""

    providers: Kind[Provider]
    links: Kind[Link]
    asked: Kind[AskedElsewhere]

    @classmethod
    def of(cls, tenant_id: str) -> Self:
        """Those of the tenant with this id."""
        return cls(
            providers=Kind(
                f"identity-provider/{tenant_id}", Provider, identify=lambda provider: provider.name
            ),
            links=Kind(
                f"provider-link/{tenant_id}",
                Link,
                indexes={"provider": lambda link: link.provider, "user": lambda link: link.user},
            ),
            asked=Kind(f"asked-elsewhere/{tenant_id}", AskedElsewhere),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them."""
        return (self.providers, self.links)

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return (self.asked,)
