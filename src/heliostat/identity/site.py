"""Sign-in, put together: what the composition root opens and hands to the others.

``Identity`` answers the API's three questions (who bears this token, who is at
the other end of this socket, may they) and holds the parts for the rest.  It
lives as long as the controller; ``close`` ends its threads.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.access import Caller, Owner, Verdict, decide
from heliostat.identity.authority.authorities import no_hosts
from heliostat.identity.authority.certificates import crl_pem
from heliostat.identity.authority.holders import Holders
from heliostat.identity.authority.join import JOIN_RECORDS, Joins
from heliostat.identity.authority.overlap import Hosts
from heliostat.identity.bootstrap import bootstrap
from heliostat.identity.directories import Directories
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.kerberos.acceptor import Acceptor
from heliostat.identity.kerberos.changing import PasswordPort
from heliostat.identity.kerberos.serving import KerberosServer
from heliostat.identity.kinds import kinds_of
from heliostat.identity.openldap.homes import Place
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.peer import peer_principal
from heliostat.identity.principal import Principal
from heliostat.identity.relocation import complete, relocate
from heliostat.identity.sealing import Sealing
from heliostat.identity.sealing_check import confirm
from heliostat.identity.sweep import sweep
from heliostat.identity.tokens.departing import Departing
from heliostat.identity.tokens.grants import Grants
from heliostat.identity.tokens.keys import SigningKeys, seal_at_rest
from heliostat.identity.tokens.verify import Verifier
from heliostat.wire.access import Access

log = logging.getLogger(__name__)
VERDICTS = 2048
"""Verdicts that are remembered: of a caller on a project, mostly."""


class Identity:
    """All of sign-in.

    ``authority_folder`` holds the CA's copy; ``agent_url`` is where agents dial, ``hosts`` says
    which there are.
    """

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        *,
        authority_folder: Path,
        agent_url: str = "",
        hosts: Hosts = no_hosts,
    ) -> None:
        self.options = options
        self._clock = clock
        self.ids = ids
        self.sealing = Sealing.open(authority_folder)
        self.directories = Directories(
            store, clock, ids, options, self.sealing, authority_folder, hosts
        )
        self.openldap = self.directories.openldap
        self._store = self.openldap.store
        self.authorities = self.directories.authorities
        self.realms = self.directories.realms
        self.tenants = self.directories.tenants
        self.policies = self.directories.policies
        self.authority = self.authorities.platform
        self.acceptor = Acceptor(
            store,
            options,
            authority_folder.parent / "kerberos" / "own",
            lambda: self.authority.server_thumbprint,
        )
        self.openldap.members.local.environment = self.acceptor.ldap_environment
        self.kerberos = KerberosServer(
            self.realms, clock, authority_folder.parent / "kerberos", self.acceptor
        )
        self.password_port = PasswordPort(store, clock, self.kerberos)
        self.holders = Holders(self.realms, self.authorities, self._store)
        self.joins = Joins(store, clock, ids, self.authority, agent_url, self._revoked)
        self.verifier = Verifier(self.realms, clock)

    @property
    def directory(self) -> Directory:
        """The site's own; like ``keys`` and ``grants`` by the policy last looked at."""
        return self.realms.system.directory

    @property
    def keys(self) -> SigningKeys:
        return self.realms.system.keys

    @property
    def grants(self) -> Grants:
        return self.realms.system.grants

    async def start(self) -> str | None:
        """Make ready; the administrator's new password at the first start, to be shown once."""
        await relocate(self.openldap.store.beneath)
        await confirm(self._store, self.sealing)
        await self.authority.refresh()
        await self.openldap.start()
        hashing = self.directories.hashing
        password = None
        try:
            password = await bootstrap(self._store, self._clock, self.ids, self.options, hashing)
            await complete(self._store, [SYSTEM_TENANT, *await self.tenants.ids()])
        except TemporaryError as error:
            if await self.openldap.store.place() is Place.EMBEDDED:
                raise
            log.warning("people and groups are looked at later: %s", error)
        for tenant in (SYSTEM_TENANT, *await self.tenants.ids()):
            await seal_at_rest(self._store, self.sealing, tenant)
        await hashing.prepare()
        await self.realms.get(self.options.domain)  # by the policy that was kept
        await self.authority.refresh()
        return password

    async def verify(self, token: str) -> Principal:
        """The principal of an access token; see ``Verifier.verify`` for the errors."""
        return await self.verifier.verify(token)

    def peer(self, transport: asyncio.BaseTransport | None) -> Principal | None:
        """The administrator behind a Unix socket's connection, or ``None``."""
        wrapped = transport.get_extra_info("socket") if transport is not None else None
        if wrapped is None or wrapped.family != socket.AF_UNIX:
            return None
        return peer_principal(wrapped, self.options.domain)

    def decide(self, rule: Access, principal: Caller | None, owner: Owner) -> Verdict:
        """Whether ``principal`` passes ``rule`` for what ``owner`` owns, and why."""
        # callers and owners are frozen values, which their protocols can't say
        return _decided(rule, principal, owner)  # type: ignore[arg-type]

    async def tell_programs(self) -> None:
        """Tell programs of sessions that have ended, until cancelled."""
        trust = ssl.create_default_context()
        trust.load_verify_locations(cadata=self.authority.ca_pem)
        departing = Departing(self.realms, self._store, self._clock, self.ids, trust)
        await departing.run()

    async def _revoked(self) -> str:
        """The list of the site's own issuer, which certifies hosts, as PEM."""
        found = await self.authorities.of(self.options).revocation.crl()
        return crl_pem(found.der) if found is not None else ""

    async def forget(self) -> int:
        """Forget what ends within minutes and comes by the thousand; call it every minute.

        Nodes that everybody has just moved to learn each tenant's lockout then, too.
        """
        count = 0
        for tenant in [SYSTEM_TENANT, *await self.tenants.ids()]:
            count += await sweep(self._store, self._clock, kinds_of(tenant).brief)
        for realm in await self.realms.all():  # also where nobody signs in but over LDAP
            await self.directories.keep_lockout(realm.options.domain)
        return count

    async def maintain(self) -> int:
        """Rotate old keys and forget what has ended; call it about once an hour.

        What can't be done now, such as while a directory is away, keeps back nothing else.
        """
        for upkeep in (
            self.tenants.finish_deletions,
            self.authorities.maintain,
            self.holders.sweep,
            self.directories.resealing.go_on,
            self.openldap.maintain,
            self.directories.maintain,
        ):
            try:
                await upkeep()
            except HeliostatError as error:
                log.warning("%s is put off for an hour: %s", upkeep.__qualname__, error)
        unused_joins = await sweep(self._store, self._clock, (JOIN_RECORDS,))
        return unused_joins + await self.realms.maintain()

    async def stop(self) -> None:
        """End what was started: this machine's nodes of the directory."""
        await self.openldap.stop()

    def close(self) -> None:
        self.directories.close()


@lru_cache(maxsize=VERDICTS)
def _decided(rule: Access, principal: Caller | None, owner: Owner) -> Verdict:
    """The same question has the same answer: it stands on nothing but its arguments' values."""
    return decide(rule, principal, owner)
