"""The verbs on realms and services, by domain: what administration is given."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from heliostat.identity.kerberos.services import Services, ServiceView
from heliostat.identity.options import IdentityOptions
from heliostat.identity.realms import Realms


@dataclass(frozen=True, slots=True)
class RealmView:
    """A realm; ``kdc`` is empty where this controller gives no tickets.

    ``client_configuration`` is what clients put into krb5.conf.
    """

    domain: str
    realm: str
    kdc: str
    password_server: str
    created_ms: int
    client_configuration: str


class KerberosRealms:
    """The realms of all tenants; every verb raises ``TenantNotFound``."""

    def __init__(self, realms: Realms, options: IdentityOptions) -> None:
        self._realms = realms
        self._options = options

    async def get_realm(self, domain: str) -> RealmView:
        """Raises ``KerberosNotEnabled``."""
        realm = await self._realms.get(domain)
        found = await realm.kerberos.get()
        return self._view(realm.options.domain, found.name, found.created_ms)

    async def enable_realm(self, domain: str, *, plan: bool = False) -> RealmView:
        """As it is, if there is one."""
        realm = await self._realms.get(domain)
        made = await realm.kerberos.enable(plan=plan)
        return self._view(realm.options.domain, made.name, made.created_ms)

    async def disable_realm(self, domain: str, *, plan: bool = False) -> None:
        """Raises ``KerberosNotEnabled``."""
        await (await self._realms.get(domain)).kerberos.disable(plan=plan)

    async def create_service(self, domain: str, name: str, *, plan: bool = False) -> ServiceView:
        return await (await self._services(domain)).create_service(name, plan=plan)

    async def rotate_service(self, domain: str, name: str, *, plan: bool = False) -> ServiceView:
        return await (await self._services(domain)).rotate_service(name, plan=plan)

    async def delete_service(self, domain: str, name: str, *, plan: bool = False) -> ServiceView:
        return await (await self._services(domain)).delete_service(name, plan=plan)

    async def get_service(self, domain: str, name: str) -> ServiceView:
        return await (await self._services(domain)).get_service(name)

    async def list_services(self, domain: str) -> list[ServiceView]:
        return await (await self._services(domain)).list_services()

    async def _services(self, domain: str) -> Services:
        return (await self._realms.get(domain)).services

    def _view(self, domain: str, name: str, created_ms: int) -> RealmView:
        kerberos = self._options.kerberos
        host = urlsplit(self._options.base_url).hostname or ""
        kdc = f"{host}:{kerberos.port}" if kerberos.port else ""
        changing = f"{host}:{kerberos.password_port}" if kerberos.password_port else ""
        return RealmView(
            domain=domain,
            realm=name,
            kdc=kdc,
            password_server=changing,
            created_ms=created_ms,
            client_configuration=client_configuration(domain, name, kdc, changing),
        )


def client_configuration(domain: str, realm: str, kdc: str, password_server: str) -> str:
    """krb5.conf for a client of one realm.

    Names are taken as they are typed: an alias or an address in reverse, which the network
    tells, decides about no service.
    """
    lines = [
        "[libdefaults]",
        f"  default_realm = {realm}",
        "  dns_lookup_realm = false",
        "  dns_lookup_kdc = false",
        "  dns_canonicalize_hostname = false",
        "  rdns = false",
        "[realms]",
        f"  {realm} = {{",
        *([f"    kdc = {kdc}"] if kdc else []),
        *([f"    kpasswd_server = {password_server}"] if password_server else []),
        "  }",
        "[domain_realm]",
        f"  .{domain} = {realm}",
        f"  {domain} = {realm}",
        *([f"  {kdc.rpartition(':')[0]} = {realm}"] if kdc else []),
    ]
    return "\n".join([*lines, ""])
