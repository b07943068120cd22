"""What machines are told of the tenant's Kerberos realm, and the key that each has in it.

The key is of ``host/<name>.<domain>``: sshd opens tickets with it, and sssd finds out by it
that a ticket comes from the realm.  It counts as long as the machine does.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.kerberos.realm import TenantRealm
from heliostat.identity.kerberos.services import Services, ServiceView
from heliostat.identity.names import computer_subject
from heliostat.identity.options import IdentityOptions


@dataclass(frozen=True, slots=True)
class KerberosServers:
    """Where the tickets of a realm come from, and passwords are changed: ``host:port`` each.

    ``service`` is what a machine may have a key of (empty: none), ``key`` the name of the latest
    (empty: it has none yet).  ``log_in``: it checks passwords in the realm.
    """

    realm: str
    servers: tuple[str, ...]
    password_servers: tuple[str, ...] = ()
    service: str = ""
    key: str = ""
    log_in: bool = False


@dataclass(frozen=True, slots=True)
class MachineKey:
    """A machine's keytab, and the name of the latest key in it; planned, both are empty.

    ``subject`` is what an audit trail calls the machine.
    """

    computer: str
    subject: str
    service: str
    key: str
    keytab: bytes


class RealmKeys:
    """The realm of one tenant, for its machines."""

    def __init__(self, options: IdentityOptions, realm: TenantRealm, services: Services) -> None:
        self._options = options
        self._realm = realm
        self._services = services

    async def servers(self, computer: str) -> KerberosServers | None:
        """What ``computer`` is told; ``None`` where nobody gives tickets."""
        realm, kerberos = await self._realm.find(), self._options.kerberos
        if realm is None or not kerberos.port:
            return None
        service = self._service(computer) if self._options.tickets.machines else ""
        return KerberosServers(
            realm=realm.name,
            servers=_at(self._options, kerberos.port),
            password_servers=_at(self._options, kerberos.password_port),
            service=service,
            key=await self._key(service),
            log_in=self._options.tickets.log_in,
        )

    async def give(self, computer: str, *, plan: bool = False) -> MachineKey:
        """A new key, with the ones before it.

        Raises ``KerberosNotEnabled``, and ``AccessForbidden`` where the policy gives none.
        """
        await self._realm.get()
        if not self._options.tickets.machines:
            raise PermanentError(
                "AccessForbidden",
                f"Machines of {self._options.domain} have no keys in its Kerberos realm.",
                hint="Allow it first: `helio identity policy set tickets.machines=true`.",
            )
        made = await self._services.give_machine(self._service(computer), computer, plan=plan)
        subject = computer_subject(computer, self._options.domain)
        key = "" if plan else _name_of(made)
        return MachineKey(computer, subject, made.name, key, made.keytab)

    async def withdraw(self, computer: str) -> None:
        """End the machine's key where the policy gives none any more."""
        if not self._options.tickets.machines:
            await self.forget(computer)

    async def forget(self, computer: str) -> None:
        """Nobody gets tickets for the machine any more; safe to do again.

        A service that an administrator has made for it by hand stays the administrator's.
        """
        service = self._service(computer)
        try:
            if (await self._services.get_service(service)).computer:
                await self._services.delete_service(service)
        except HeliostatError as error:
            if error.code not in ("ServiceNotFound", "KerberosNotEnabled"):
                raise

    def _service(self, computer: str) -> str:
        return f"host/{computer}.{self._options.domain}".casefold()

    async def _key(self, service: str) -> str:
        if not service:
            return ""
        try:
            return _name_of(await self._services.get_service(service))
        except HeliostatError as error:
            if error.code != "ServiceNotFound":
                raise
            return ""


def _name_of(service: ServiceView) -> str:
    """Another one when the realm was made anew, too."""
    return f"{service.created_ms}.{service.version}"


def _at(options: IdentityOptions, port: int) -> tuple[str, ...]:
    """``port`` of every address of the site; none where nothing listens."""
    urls = (options.base_url, *options.other_urls)
    hosts = dict.fromkeys(urlsplit(url).hostname or "" for url in urls)
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts if port)
