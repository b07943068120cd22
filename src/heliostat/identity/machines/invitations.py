"""Tokens with which machines join: each is good once, for the key that it was used with.

A token stays good for that key until it ends: a machine that never saw the answer asks again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.authority.alternative_names import checked_dns
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.computers import ComputerVerbs
from heliostat.identity.directory.views import ComputerView
from heliostat.identity.machines.records import MachineJoin, machine_joins_of
from heliostat.identity.machines.site import MachineSite

LIFETIME_S = 3600.0
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new token, and when it ends; planned, it is empty."""

    computer: str
    token: str
    expires_ms: int


class Invitations:
    """The join tokens of one tenant's directory."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        tenant: str,
        computers: ComputerVerbs,
        site: MachineSite,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._joins = machine_joins_of(tenant)
        self._computers = computers
        self._site = site

    async def invite(
        self, name: str, *, unit: str = "", project: str = "", vm: str = "", plan: bool = False
    ) -> Invitation:
        """A token with which one machine may join as ``name``, once; the entry is made if need be.

        ``project`` and ``vm`` are what it is bound to, where the platform runs the machine.
        Raises ``InvalidName``, ``UnitNotFound``, ``InvalidOperation`` (a disabled computer).
        """
        checked_dns(self._site.name_of(name))
        computer = await self._entry(name, unit, project, vm, plan=plan)
        if computer.disabled:
            raise PermanentError("InvalidOperation", f"The computer {computer.name} is disabled.")
        secret = self._ids.secret(SECRET_BYTES)
        expires_ms = self._clock.now_ms() + int(LIFETIME_S * 1000)
        record = MachineJoin(
            id=_hash(secret),
            computer=computer.name,
            expires_ms=expires_ms,
            project=project,
            vm=vm,
            since=computer.created_ms,
        )
        token = "" if plan else await self._site.token(computer.name, secret)

        async def decide() -> Decided[Invitation]:
            made = Invitation(computer.name, token, expires_ms)
            return Decided(made, [self._joins.absent(record.id)], self._joins.put(record))

        return await settle(self._store, decide, plan=plan)

    async def claim(self, secret: str, key: str, *, plan: bool) -> MachineJoin:
        """Whom a token is for; from now on it is good for ``key`` (a digest) alone.

        Raises ``InvalidToken``.
        """
        digest = _hash(secret)

        async def decide() -> Decided[MachineJoin]:
            stored = await self._joins.get(self._store, digest)
            if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
                raise _refused()
            record = stored.value
            if record.key and not hmac.compare_digest(record.key, key):
                raise _refused()
            if not await self._is_welcome(record):
                raise _refused()
            claimed = msgspec.structs.replace(record, key=key)
            changes = self._joins.put(claimed, record) if not record.key else []
            return Decided(claimed, [self._joins.guard(stored)], changes)

        return await settle(self._store, decide, plan=plan)

    async def _is_welcome(self, record: MachineJoin) -> bool:
        """Not into an entry that was made since under the name of a deleted computer."""
        try:
            computer = await self._computers.get_computer(record.computer)
        except HeliostatError as error:
            if error.code != "ComputerNotFound":
                raise
            return False
        return not computer.disabled and computer.created_ms == record.since

    async def _entry(
        self, name: str, unit: str, project: str, vm: str, *, plan: bool
    ) -> ComputerView:
        try:
            entry = await self._computers.get_computer(name)
        except HeliostatError as error:
            if error.code != "ComputerNotFound":
                raise
            entry = await self._computers.create_computer(name, unit=unit, plan=plan)
        if vm and not (entry.vm or entry.certificate_sha256 or plan):
            # so that it goes with its VM, also if that never joins
            return await self._computers.change_computer(name, project=project, vm=vm)
        return entry


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _refused() -> PermanentError:
    return PermanentError(
        "InvalidToken",
        "The join token is wrong, has expired, or another machine has used it.",
        hint="Make a new one: `helio identity computer join-token NAME`.",
    )
