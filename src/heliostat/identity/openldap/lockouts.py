"""Wrong passwords of people whose home is OpenLDAP: the servers count them (ppolicy).

So it is one count whether somebody guesses here, at an LDAP port or at Kerberos, and on any
node.  Names that nobody has are counted in the document store, as ever.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from heliostat.core.clock import Clock
from heliostat.identity.directory.records import users_of
from heliostat.identity.openldap.entries import Found
from heliostat.identity.openldap.homes import Place
from heliostat.identity.openldap.pending import Act, Step, domain_of
from heliostat.identity.openldap.placing import placed
from heliostat.identity.openldap.store import DirectoryStore
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.lockout import Lockouts, known_id
from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.passwords.records import attempts_of

_KNOWN = known_id("")
_WRONG = b"\x01wrong"
"""No password: nobody can type it."""


class HomeLockouts(Lockouts):
    """``Lockouts`` of one tenant, wherever people are at home."""

    def __init__(
        self,
        store: DirectoryStore,
        tenant: str,
        clock: Clock,
        policy: LockoutPolicy,
        hashing: Hashing,
    ) -> None:
        super().__init__(store, attempts_of(tenant), clock, policy)
        self._home = store
        self._users = users_of(tenant)
        self._tenant = tenant
        self._hashing = hashing
        self._locked_for = timedelta(seconds=policy.locked_s)
        self._time = clock

    async def locked(self, id_: str) -> bool:
        if not await self._counts_there(id_):
            return await super().locked(id_)
        found = await self.entry(id_.removeprefix(_KNOWN))
        return found is not None and self.is_locked(found)

    async def failed(self, id_: str) -> bool:
        if not await self._counts_there(id_):
            return await super().failed(id_)
        found, pool = await self.entry(id_.removeprefix(_KNOWN)), self._home.tree.pool
        if found is None or self.is_locked(found):
            return False
        await self._hashing.beside(lambda: pool.bind(found.dn, _WRONG))
        return True

    async def forget(self, id_: str) -> None:
        if not await self._counts_there(id_):
            await super().forget(id_)
            return
        key = self._users.key(id_.removeprefix(_KNOWN))
        domain = await domain_of(self._home.beneath, self._tenant)
        system = self._tenant == SYSTEM_TENANT
        await self._home.tree.apply([Step(act=Act.UNLOCK, key=key, domain=domain, system=system)])

    async def entry(self, key: str) -> Found | None:
        """The entry of a person."""
        where = placed(self._users.key(key))
        assert where is not None
        return await self._home.tree.find(self._home.beneath, where, "pwdAccountLockedTime")

    def is_locked(self, entry: Found) -> bool:
        """Whether the server would refuse without looking; if this is wrong, it tells."""
        for value in entry.attributes.get("pwdAccountLockedTime", ()):
            try:
                since = datetime.strptime(value.decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            except ValueError:
                return True  # locked until somebody opens it
            if datetime.fromtimestamp(self._time.now_ms() / 1000, UTC) < since + self._locked_for:
                return True
        return False

    async def _counts_there(self, id_: str) -> bool:
        return id_.startswith(_KNOWN) and await self._home.place() is Place.OPENLDAP
