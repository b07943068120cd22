"""Directories elsewhere whose people sign in."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.identity_sources import (
    IdentitySource,
    IdentitySourceChange,
    IdentitySourceCreateSpec,
    IdentitySourceList,
    IdentitySourceProbe,
    IdentitySourceProbeSpec,
    SavedIdentitySourceProbeSpec,
)


class IdentitySources:
    """Identity sources of the tenant with a domain, by their own domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, tenant: str, spec: IdentitySourceCreateSpec) -> Change[IdentitySource]:
        return Change(self._transport, "createIdentitySource", (tenant,), IdentitySource, spec)

    def list(self, tenant: str) -> Iterator[IdentitySource]:
        return pages(self._transport, "listIdentitySources", tenant, answer=IdentitySourceList)

    def get(self, tenant: str, domain: str) -> IdentitySource:
        return read(self._transport, "getIdentitySource", tenant, domain, answer=IdentitySource)

    def update(
        self, tenant: str, domain: str, spec: IdentitySourceChange
    ) -> Change[IdentitySource]:
        arguments = (tenant, domain)
        return Change(self._transport, "updateIdentitySource", arguments, IdentitySource, spec)

    def delete(self, tenant: str, domain: str) -> Change[None]:
        return Change(self._transport, "deleteIdentitySource", (tenant, domain), NoneType)

    def probe(self, tenant: str, spec: IdentitySourceProbeSpec) -> Change[IdentitySourceProbe]:
        """Try a source that is not kept; nothing is changed."""
        return Change(self._transport, "probeIdentitySource", (tenant,), IdentitySourceProbe, spec)

    def probe_saved(
        self, tenant: str, domain: str, person: str = ""
    ) -> Change[IdentitySourceProbe]:
        """Try a source as it is kept; nothing is changed."""
        body, arguments = SavedIdentitySourceProbeSpec(person=person), (tenant, domain)
        return Change(
            self._transport, "probeSavedIdentitySource", arguments, IdentitySourceProbe, body
        )
