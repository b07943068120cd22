"""Kerberos of a directory's tenant."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.kerberos import (
    KerberosRealm,
    MadeServicePrincipal,
    ServicePrincipal,
    ServicePrincipalList,
    ServicePrincipalSpec,
)


class Kerberos:
    """Realms and services, by domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def realm(self, domain: str) -> KerberosRealm:
        return read(self._transport, "getKerberosRealm", domain, answer=KerberosRealm)

    def enable(self, domain: str) -> Change[KerberosRealm]:
        return Change(self._transport, "enableKerberos", (domain,), KerberosRealm)

    def disable(self, domain: str) -> Change[None]:
        return Change(self._transport, "disableKerberos", (domain,), NoneType)

    def create_service(self, domain: str, name: str) -> Change[MadeServicePrincipal]:
        body = ServicePrincipalSpec(name=name)
        operation = "createServicePrincipal"
        return Change(self._transport, operation, (domain,), MadeServicePrincipal, body)

    def services(self, domain: str) -> Iterator[ServicePrincipal]:
        operation = "listServicePrincipals"
        return pages(self._transport, operation, domain, answer=ServicePrincipalList)

    def service(self, domain: str, name: str) -> ServicePrincipal:
        operation = "getServicePrincipal"
        return read(self._transport, operation, domain, name, answer=ServicePrincipal)

    def rotate_service(self, domain: str, name: str) -> Change[MadeServicePrincipal]:
        arguments = (domain, name)
        return Change(self._transport, "rotateServicePrincipal", arguments, MadeServicePrincipal)

    def delete_service(self, domain: str, name: str) -> Change[None]:
        return Change(self._transport, "deleteServicePrincipal", (domain, name), NoneType)
