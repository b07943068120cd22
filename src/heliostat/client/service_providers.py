"""Programs that people sign in to with SAML, by tenant of the directory."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.service_providers import (
    SamlKeyReplaced,
    ServiceProvider,
    ServiceProviderCreateSpec,
    ServiceProviderList,
    ServiceProviderUpdateSpec,
)


class ServiceProviders:
    """Service providers of the tenant with a domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, domain: str, spec: ServiceProviderCreateSpec) -> Change[ServiceProvider]:
        return Change(self._transport, "createServiceProvider", (domain,), ServiceProvider, spec)

    def list(self, domain: str) -> Iterator[ServiceProvider]:
        return pages(self._transport, "listServiceProviders", domain, answer=ServiceProviderList)

    def get(self, domain: str, name: str) -> ServiceProvider:
        return read(self._transport, "getServiceProvider", domain, name, answer=ServiceProvider)

    def update(
        self, domain: str, name: str, spec: ServiceProviderUpdateSpec
    ) -> Change[ServiceProvider]:
        return Change(
            self._transport, "updateServiceProvider", (domain, name), ServiceProvider, spec
        )

    def delete(self, domain: str, name: str) -> Change[None]:
        return Change(self._transport, "deleteServiceProvider", (domain, name), NoneType)

    def replace_key(self, domain: str) -> Change[SamlKeyReplaced]:
        return Change(self._transport, "replaceSamlKey", (domain,), SamlKeyReplaced)
