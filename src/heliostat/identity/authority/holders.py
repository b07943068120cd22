"""Certificates follow whoever has them: deleted people's are revoked, disabled people's held.

The directory is followed as it changes, whoever changes it (the API, LDAP, a machine that is
dismissed), and looked through once an hour and at each start, because who is killed between a
deletion and this loses nothing but time.  People, programs and computers alike.  Of people of
other directories nobody can tell who is gone from who is barred, so theirs are held.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import unquote

import msgspec

from heliostat.cloudstore.contract import CloudStore, Compacted, Event
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.authority.authorities import Authorities
from heliostat.identity.authority.standing import NOBODY_KNOWS, Holder, Presence
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.kinds import kinds_of
from heliostat.identity.names import computer_subject, fold, subject_of
from heliostat.identity.openldap.pending import PENDING, Pending
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms

log = logging.getLogger(__name__)

_GONE = Holder(Presence.GONE)
_KINDS = kinds_of(SYSTEM_TENANT).directory
_SPELLED = {
    kind.prefix.removesuffix(f"{SYSTEM_TENANT}/"): spelled
    for kind, spelled in (
        (_KINDS.users, subject_of),
        (_KINDS.clients, subject_of),
        (_KINDS.computers, computer_subject),
    )
}
"""How a change below a prefix names whom it is about."""


class Holders:
    """Of a site; ``store`` is the one that tells of changes."""

    def __init__(self, realms: Realms, authorities: Authorities, store: CloudStore) -> None:
        self._realms = realms
        self._authorities = authorities
        self._store = store
        self._decided: tuple[str, ...] | None = None  # what is being written to OpenLDAP

    async def run(self) -> None:
        """Follow the directory until cancelled."""
        self._decided = None
        revision = await self._store.revision()
        await self._look_through()
        async with asyncio.TaskGroup() as group:
            for prefix in (*_SPELLED, PENDING.prefix):
                group.create_task(self._follow(prefix, revision))

    async def sweep(self) -> int:
        """Everybody who has certificates; gives how many certificates stand otherwise now."""
        count = 0
        for realm in await self._realms.all():
            register = self._authorities.of(realm.options).certificates
            async for subject in register.holders():
                try:
                    count += await self.attend(realm, subject)
                except HeliostatError as error:  # the others are looked at all the same
                    log.warning("certificates of %s are looked at later: %s", subject, error)
        return count

    async def attend(self, realm: Realm, subject: str) -> int:
        """The certificates that one of them has of a tenant; gives how many stand otherwise."""
        register, count = self._authorities.of(realm.options).certificates, 0
        serials = await register.kind.ids_by_index(self._store, "by", fold(subject)[:253])
        holder = await self.holder_of(realm, subject) if serials else NOBODY_KNOWS
        if holder.presence is Presence.UNKNOWN:
            return 0
        for serial in serials:
            told = await register.follow(serial, holder)
            if told is not None:
                count += 1
                log.info("%s of %s: %s", serial, subject, told.why)
        return count

    async def holder_of(self, realm: Realm, subject: str) -> Holder:
        """How it is with ``subject``, who has certificates of the tenant of ``realm``."""
        name, _, domain = subject.rpartition("@")
        if not name:
            return NOBODY_KNOWS  # the platform, its local administrator, accounts of ACME
        try:
            home = await self._realms.find(domain)
            if home is None:
                return await _outsider(realm, subject, domain)
            return await _member(home.directory, name)
        except HeliostatError as error:
            log.warning("whether %s is still there can't be told now: %s", subject, error)
            return NOBODY_KNOWS

    async def _follow(self, prefix: str, revision: int) -> None:
        while True:
            try:
                async for event in self._store.watch(prefix, revision):
                    await self._changed(prefix, event)
            except Compacted:
                self._decided = None
                revision = await self._store.revision()
                await self._look_through()

    async def _changed(self, prefix: str, event: Event) -> None:
        if prefix == PENDING.prefix:
            await self._carried_out(event)
        else:
            await self._look_at(event.key)

    async def _carried_out(self, event: Event) -> None:
        """Entries of OpenLDAP are decided on, then written, then told to be."""
        if event.value is None:
            return
        steps = msgspec.json.decode(event.value, type=Pending).steps
        if steps:
            self._decided = tuple(each.key for each in steps)
        elif self._decided is None:  # what was decided was before we looked
            self._decided = ()
            await self._look_through()
        else:
            written, self._decided = self._decided, ()
            for key in written:
                await self._look_at(key)

    async def _look_at(self, key: str) -> None:
        """Whom a document is about, if anybody."""
        prefix = next((each for each in _SPELLED if key.startswith(each)), None)
        if prefix is None:
            return
        tenant, _, id_ = key.removeprefix(prefix).partition("/")
        try:
            authority = await self._authorities.by_id(tenant)
            if authority is not None:
                subject = _SPELLED[prefix](unquote(id_), authority.options.domain)
                await self._everywhere(subject)
        except HeliostatError as error:
            log.warning("certificates of %s are looked at later: %s", id_, error)

    async def _everywhere(self, subject: str) -> None:
        """Administrators of the site may have certificates of any tenant."""
        for realm in await self._realms.all():
            await self.attend(realm, subject)

    async def _look_through(self) -> None:
        try:
            await self.sweep()
        except HeliostatError as error:
            log.warning("certificates of who is gone are looked at later: %s", error)


async def _member(directory: Directory, name: str) -> Holder:
    """A computer, person or program of a directory of ours."""
    if name.endswith("$"):
        try:
            computer = await directory.get_computer(name[:-1])
        except PermanentError as error:
            return _gone(error, "ComputerNotFound")
        return _there(computer.created_ms, disabled=computer.disabled)
    try:
        user = await directory.get_user(name)
    except PermanentError as error:
        _gone(error, "UserNotFound")
    else:
        return _there(user.created_ms, disabled=user.disabled)
    try:
        account = await directory.get_service_account(name)
    except PermanentError as error:
        return _gone(error, "ServiceAccountNotFound")
    return _there(account.created_ms, disabled=account.disabled)


async def _outsider(realm: Realm, subject: str, domain: str) -> Holder:
    """Somebody of a directory elsewhere; raises ``SourceUnavailable``."""
    if await realm.sources.spelled(domain) is None:
        return NOBODY_KNOWS
    person = await realm.people.named(subject)
    return Holder(Presence.HERE if person is not None else Presence.BARRED)


def _there(made_ms: int, *, disabled: bool) -> Holder:
    return Holder(Presence.BARRED if disabled else Presence.HERE, made_ms)


def _gone(error: PermanentError, code: str) -> Holder:
    """Raises ``error`` unless it says that there is nobody of that name."""
    if error.code != code:
        raise error
    return _GONE
