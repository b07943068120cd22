"""Sign-in as the settings say: opened, with Kerberos and LDAP where ports are set."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import replace

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.workflows.kinds import HOSTS
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SystemIds
from heliostat.identity.authority.options import AuthorityOptions
from heliostat.identity.checkup.checkup import Watched
from heliostat.identity.ldap_face.telling import Tell
from heliostat.identity.options import IdentityOptions
from heliostat.identity.site import Identity
from heliostat.server import ports
from heliostat.server.background import background
from heliostat.server.home import Home
from heliostat.server.settings import Settings

log = logging.getLogger(__name__)


async def answer_ldap(
    home: Home, settings: Settings, stack: AsyncExitStack, identity: Identity, tell: Tell
) -> None:
    """Let LDAP clients read the directory, where the settings say so."""
    if not settings.ldap.is_on:
        return
    from heliostat.identity.ldap_face.face import LdapFace

    names = settings.api.names
    face = LdapFace(identity, home.ldap, settings.ldap, names, SystemClock(), tell=tell)
    stack.push_async_callback(face.close)
    await face.open()
    identity.directories.checkups.watched.append(
        Watched(lambda: face.trouble, "Its log is the controller's: `helio logs`.")
    )
    await background(stack, face.run)


async def open_identity(
    home: Home, settings: Settings, store: CloudStore, stack: AsyncExitStack
) -> Identity:
    """Sign-in, started; at the first start the administrator's password is printed."""
    identity = identity_of(home, settings, store)
    stack.callback(identity.close)
    stack.push_async_callback(identity.stop)
    password = await identity.start()
    if password is not None:
        print(f"The administrator's password is {password} (shown this once).", flush=True)
    return identity


async def open_kerberos(settings: Settings, stack: AsyncExitStack, identity: Identity) -> None:
    """Give tickets, where a port is set; realms that can't be served are told in the log."""
    kerberos = settings.identity.kerberos
    server = identity.kerberos
    stack.push_async_callback(server.close)
    identity.directories.checkups.watched.append(
        Watched(lambda: server.trouble, "See `helio identity kerberos show`, and `helio logs`.")
    )
    served = (
        (kerberos.port, server.answer, "identity.kerberos.port"),
        (kerberos.password_port, identity.password_port.answer, "identity.kerberos.password_port"),
    )
    for port, answers, setting in served:
        try:
            if port:
                await server.open_port(kerberos.host, port, answers)
        except OSError as error:
            raise ports.taken(kerberos.host, port, setting) from error
    if kerberos.port:
        try:
            await server.refresh()
        except HeliostatError as error:
            log.warning("Kerberos is not served: %s", error)


def identity_of(home: Home, settings: Settings, store: CloudStore) -> Identity:
    first, *others = (f"https://{name}:{settings.api.port}" for name in settings.api.names)
    options = IdentityOptions(
        domain=settings.identity.domain,
        base_url=first,
        other_urls=tuple(others),
        ldap_urls=settings.ldap.reached_at(settings.api.names),
        passwords=settings.identity.passwords,
        lockout=settings.identity.lockout,
        hashing=settings.identity.hashing,
        lifetimes=settings.identity.lifetimes,
        kerberos=settings.identity.kerberos,
        tickets=settings.identity.tickets,
        authority=_authority(settings),
        second_factors=settings.identity.second_factors,
        banner=settings.identity.banner,
        saml=settings.identity.saml,
        directory=settings.identity.directory,
        federation=settings.identity.federation,
        reach=settings.identity.reach,
    )
    return Identity(
        store,
        SystemClock(),
        SystemIds(),
        options,
        authority_folder=home.authority,
        agent_url=f"https://{settings.api.names[0]}:{settings.agents.port}",
        hosts=lambda: _hosts(store),
    )


def _authority(settings: Settings) -> AuthorityOptions:
    """With the address at which revocation lists are, unless somebody set another."""
    told = settings.identity.authority
    if told.base_url or not told.port:
        return told
    return replace(told, base_url=f"http://{settings.api.names[0]}:{told.port}")


async def _hosts(store: CloudStore) -> list[str]:
    return [each.value.id async for each in HOSTS.each(store)]
