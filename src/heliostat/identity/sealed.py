"""Where sealed texts lie: every kind of document that has some, and how one is sealed anew.  Pure.

Whoever seals something new in the store adds its row here.  What browsers carry for minutes is
in no row, nor what only is compared (recovery codes, marks): it goes on under the older key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from heliostat.cloudstore.documents import Kind
from heliostat.identity.acme.accounts import place as acme_place
from heliostat.identity.acme.records import AcmeKey
from heliostat.identity.authority.issuers import place as intermediate_place
from heliostat.identity.authority.records import ROOTS, Intermediate, Root
from heliostat.identity.authority.roots import place as root_place
from heliostat.identity.directory.records import User
from heliostat.identity.factors.factors import place as factor_place
from heliostat.identity.factors.records import Factor
from heliostat.identity.federation.authentication import place as provider_place
from heliostat.identity.federation.records import Provider
from heliostat.identity.kerberos.realm import MASTER, PASSWORD_SERVICE, TICKETS
from heliostat.identity.kerberos.realm import place as kerberos_place
from heliostat.identity.kerberos.records import KerberosRealm, ServicePrincipal
from heliostat.identity.kinds import kinds_of
from heliostat.identity.saml.records import SamlKey, key_place
from heliostat.identity.sources.source import KEY_PLACE, PASSWORD_PLACE, Source
from heliostat.identity.tokens.keys import place as token_place
from heliostat.identity.tokens.records import SigningKey

Again = Callable[[str, str], str]
"""A sealed text and its place: the same under the newest key; what is empty stays so."""


@dataclass(frozen=True, slots=True)
class SealedKind:
    """Documents with sealed texts; ``anew`` gives one with each of them sealed again."""

    kind: Kind[Any]
    anew: Callable[[Any, Again], Any]


def _root(root: Root, again: Again) -> Root:
    return replace(root, key=again(root.key, root_place(root.id)))


SITES = (SealedKind(ROOTS, _root),)
"""Of no tenant."""


def sealed_kinds(tenant: str, realm: str) -> tuple[SealedKind, ...]:
    """Those of a tenant, whose Kerberos realm is called ``realm`` (empty: it has none)."""

    def intermediate(each: Intermediate, again: Again) -> Intermediate:
        return replace(each, key=again(each.key, intermediate_place(tenant, each.id)))

    def acme_key(each: AcmeKey, again: Again) -> AcmeKey:
        return replace(each, mac=again(each.mac, acme_place(tenant, each.id)))

    def signing_key(each: SigningKey, again: Again) -> SigningKey:
        return replace(each, sealed=again(each.sealed, token_place(tenant, each.kid)))

    def factor(each: Factor, again: Again) -> Factor:
        return replace(each, sealed=again(each.sealed, factor_place(tenant, each)))

    def saml_key(each: SamlKey, again: Again) -> SamlKey:
        return replace(each, sealed=again(each.sealed, key_place(tenant, each.id)))

    def provider(each: Provider, again: Again) -> Provider:
        return _provider(tenant, each, again)

    def kerberos(each: KerberosRealm, again: Again) -> KerberosRealm:
        return replace(
            each,
            master=again(each.master, kerberos_place(tenant, MASTER)),
            tickets=again(each.tickets, kerberos_place(tenant, TICKETS)),
            password_service=again(each.password_service, kerberos_place(tenant, PASSWORD_SERVICE)),
        )

    def service(each: ServicePrincipal, again: Again) -> ServicePrincipal:
        where = kerberos_place(tenant, f"{realm}:{each.id}")
        versions = (replace(version, keys=again(version.keys, where)) for version in each.versions)
        return replace(each, versions=tuple(versions)) if realm else each

    def user(each: User, again: Again) -> User:
        return _user(tenant, each, again)

    kinds = kinds_of(tenant)
    return (
        SealedKind(kinds.authority.intermediates, intermediate),
        SealedKind(kinds.authority.acme.keys, acme_key),
        SealedKind(kinds.tokens.signing_keys, signing_key),
        SealedKind(kinds.factors, factor),
        SealedKind(kinds.saml.keys, saml_key),
        SealedKind(kinds.federation.providers, provider),
        SealedKind(kinds.sources.sources, _source),
        SealedKind(kinds.kerberos.realms, kerberos),
        SealedKind(kinds.kerberos.services, service),
        SealedKind(kinds.directory.users, user),
    )


def _provider(tenant: str, each: Provider, again: Again) -> Provider:
    if each.oidc is None:
        return each
    secret = again(each.oidc.secret, provider_place(tenant, each.id, "secret"))
    key = again(each.oidc.private_key, provider_place(tenant, each.id, "private-key"))
    return replace(each, oidc=replace(each.oidc, secret=secret, private_key=key))


def _source(each: Source, again: Again) -> Source:
    return replace(
        each,
        bind_password=again(each.bind_password, PASSWORD_PLACE.format(id=each.id)),
        bind_key=again(each.bind_key, KEY_PLACE.format(id=each.id)),
    )


def _user(tenant: str, each: User, again: Again) -> User:
    """A person's keys stand after the name of their realm."""
    realm, _, keys = each.kerberos_keys.partition(" ")
    if not keys:
        return each
    sealed = again(keys, kerberos_place(tenant, f"{realm}:{each.name}"))
    return replace(each, kerberos_keys=f"{realm} {sealed}")
