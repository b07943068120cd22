"""Other providers that people sign in with."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.identity_providers import (
    IdentityProvider,
    IdentityProviderChange,
    IdentityProviderCreateSpec,
    IdentityProviderList,
    IdentityProviderPeople,
    IdentityProviderPerson,
    IdentityProviderProbe,
)


class IdentityProviders:
    """Other providers of the tenant with a domain, by name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, tenant: str, spec: IdentityProviderCreateSpec) -> Change[IdentityProvider]:
        return Change(self._transport, "createIdentityProvider", (tenant,), IdentityProvider, spec)

    def list(self, tenant: str) -> Iterator[IdentityProvider]:
        return pages(self._transport, "listIdentityProviders", tenant, answer=IdentityProviderList)

    def get(self, tenant: str, name: str) -> IdentityProvider:
        return read(self._transport, "getIdentityProvider", tenant, name, answer=IdentityProvider)

    def update(
        self,
        tenant: str,
        name: str,
        spec: IdentityProviderChange,
        *,
        keep_sessions: bool = False,
    ) -> Change[IdentityProvider]:
        """``keep_sessions``: disabling it does not end those that came through it."""
        query = {"keepSessions": "true"} if keep_sessions else {}
        return Change(
            self._transport,
            "updateIdentityProvider",
            (tenant, name),
            IdentityProvider,
            spec,
            query=query,
        )

    def delete(
        self, tenant: str, name: str, *, with_people: bool = False, keep_sessions: bool = False
    ) -> Change[None]:
        """``with_people``: and the users that it has made; ``keep_sessions`` as in ``update``."""
        asked = {"withPeople": with_people, "keepSessions": keep_sessions}
        query = {name: "true" for name, value in asked.items() if value}
        arguments = (tenant, name)
        return Change(self._transport, "deleteIdentityProvider", arguments, NoneType, query=query)

    def probe(self, tenant: str, name: str) -> Change[IdentityProviderProbe]:
        """Ask it what it says of itself; nothing is changed."""
        arguments = (tenant, name)
        return Change(self._transport, "probeIdentityProvider", arguments, IdentityProviderProbe)

    def people(self, tenant: str, name: str) -> Iterator[IdentityProviderPerson]:
        """Who signs in with it."""
        return pages(
            self._transport,
            "listIdentityProviderPeople",
            tenant,
            name,
            answer=IdentityProviderPeople,
        )
