"""What has to be proved for a name, and looking whether it is.

A look happens within the request that asks for it; what was seen is kept, whatever it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.records import AcmeAccount, AcmeAuthorization, AcmeKinds, Challenge
from heliostat.identity.acme.validation import Validation
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.rules import AcmeRules
from heliostat.identity.decided import Decided, settle

ORDER_MS = 7 * 86_400_000
"""How long an order, and what has to be proved for it, wait."""
PROVED_MS = 24 * 3_600_000
LOOKS_AT_ONCE = 16
HOST = "host-01"

Vouch = Callable[[str, str], Awaitable[None]]
"""Whether the bearer of a token may have a name (host-01); raises ``Problem``."""


class Authorizations:
    """Of one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        tenant: str,
        certificates: Certificates,
        validation: Validation,
        vouch: Vouch,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._kinds = AcmeKinds.of(tenant)
        self._certificates = certificates
        self._validation = validation
        self._vouch = vouch
        self._looking = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def find(self, account: AcmeAccount, id_: str) -> AcmeAuthorization:
        """What has to be proved, as it stands; raises ``Problem``."""
        found = await self._kinds.authorizations.get(self._store, id_)
        if found is None or found.value.account != account.id:
            raise Problem("notFound", "The account has no such authorization.")
        return self.aged(found.value)

    async def deactivate(self, account: AcmeAccount, id_: str) -> AcmeAuthorization:
        """Give up what was proved."""
        await self.find(account, id_)
        return await self._set(id_, lambda old: msgspec.structs.replace(old, status="deactivated"))

    async def answer(
        self, account: AcmeAccount, id_: str, kind: str, content: dict[str, Any]
    ) -> AcmeAuthorization:
        """Look whether a challenge is answered; what was seen is kept, whatever it is."""
        found = await self.find(account, id_)
        if kind not in [each.type for each in found.challenges]:
            raise Problem("notFound", "There is no such challenge.")
        if found.status != "pending":
            return found
        await rules_of(self._certificates)
        if self._looking.locked():
            raise Problem("rateLimited", "Too many names are looked at; try again in a minute.")
        seen: dict[str, Any] = {}
        try:
            async with self._looking:
                await self._look(account, found, kind, content)
        except Problem as problem:
            seen = problem.document
        now_ms = self._clock.now_ms()
        status = "invalid" if seen else "valid"
        tried = Challenge(type=kind, status=status, validated_ms=0 if seen else now_ms, error=seen)

        def told(old: AcmeAuthorization) -> AcmeAuthorization:
            if old.status != "pending":
                return old
            all_ = tuple(tried if each.type == kind else each for each in old.challenges)
            ends_ms = old.expires_ms if seen else now_ms + PROVED_MS
            return msgspec.structs.replace(old, status=status, challenges=all_, expires_ms=ends_ms)

        return await self._set(id_, told)

    async def _look(
        self, account: AcmeAccount, found: AcmeAuthorization, kind: str, content: dict[str, Any]
    ) -> None:
        if kind == HOST:
            name = f"*.{found.name}" if found.wildcard else found.name
            await self._vouch(name, str(content.get("accessToken", "")))
            return
        authorization = f"{found.token}.{account.thumbprint}"
        await self._validation.look(kind, found.name, found.token, authorization)

    async def _set(
        self, id_: str, told: Callable[[AcmeAuthorization], AcmeAuthorization]
    ) -> AcmeAuthorization:
        async def decide() -> Decided[AcmeAuthorization]:
            stored = await self._kinds.authorizations.get(self._store, id_)
            if stored is None:
                raise Problem("notFound", "The authorization is gone.")
            new = told(stored.value)
            guards: list[Guard] = [self._kinds.authorizations.guard(stored)]
            return Decided(new, guards, self._kinds.authorizations.put(new, stored.value))

        return await settle(self._store, decide)

    def aged(self, found: AcmeAuthorization) -> AcmeAuthorization:
        """As it stands by the clock."""
        ended = self._clock.now_ms() >= found.expires_ms
        if ended and found.status in ("pending", "valid"):
            return msgspec.structs.replace(found, status="expired")
        return found

    def wanted(
        self, account: AcmeAccount, name: str, rules: AcmeRules, now_ms: int
    ) -> AcmeAuthorization:
        """What has to be proved for a name, and how it can be; raises ``Problem``."""
        wildcard = name.startswith("*.")
        kinds = [each for each in rules.challenges if not wildcard or each in ("dns-01", HOST)]
        if not kinds:
            raise Problem("rejectedIdentifier", f"{name} can't be proved in a way allowed here.")
        return AcmeAuthorization(
            id=new_id(self._ids),
            account=account.id,
            name=name.removeprefix("*."),
            token=self._ids.secret(32),
            challenges=tuple(Challenge(type=each) for each in kinds),
            wildcard=wildcard,
            expires_ms=now_ms + ORDER_MS,
        )


async def rules_of(certificates: Certificates) -> AcmeRules:
    """Raises ``Problem`` where the domain's policy has no ACME."""
    rules = (await certificates.policy()).acme
    if not rules.enabled:
        raise Problem("unauthorized", "This domain has no ACME.")
    return rules


def new_id(ids: Ids) -> str:
    """What orders and authorizations are called."""
    return ids.secret(15).replace("-", "x").replace("_", "y")
