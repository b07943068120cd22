"""Orders, and their certificates.

An order is ready once each of its names is proved; finalizing marks it in one commit before
the certificate is issued, so that of two at once one issues.  Whoever dies between leaves a
mark that counts for a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids
from heliostat.identity.acme.authorizations import ORDER_MS, Authorizations, new_id, rules_of
from heliostat.identity.acme.bounds import Bounds
from heliostat.identity.acme.problems import Problem, of_error
from heliostat.identity.acme.records import (
    AcmeAccount,
    AcmeKinds,
    AcmeOrder,
)
from heliostat.identity.authority.alternative_names import checked_dns
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.policy import Asker, acme_refusal
from heliostat.identity.authority.rules import AcmeRules
from heliostat.identity.decided import Decided, settle

WORKING_MS = 60_000
MAX_NAMES = 90  # a commit holds an order and what has to be proved for each
VIA = "acme"
PAGE = 100
"""Orders in one answer."""


class Orders:
    """Of one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        tenant: str,
        certificates: Certificates,
        authorizations: Authorizations,
        bounds: Bounds,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._kinds = AcmeKinds.of(tenant)
        self._certificates = certificates
        self._authorizations = authorizations
        self._bounds = bounds

    async def create(self, account: AcmeAccount, content: dict[str, Any]) -> AcmeOrder:
        """Raises ``Problem``: too many, or a name that ACME may not have here."""
        rules = await rules_of(self._certificates)
        names = _names(content.get("identifiers"))
        _refuse_names(rules, account, names)
        await self._bounds.refuse_order(account.id, len(names), rules.orders_an_hour)
        replaces = await self._replaced(account, content.get("replaces"))
        now_ms = self._clock.now_ms()
        proofs = [self._authorizations.wanted(account, name, rules, now_ms) for name in names]
        order = AcmeOrder(
            id=new_id(self._ids),
            account=account.id,
            names=names,
            authorizations=tuple(each.id for each in proofs),
            replaces=replaces,
            created_ms=now_ms,
            expires_ms=now_ms + ORDER_MS,
        )
        changes: list[Change] = list(self._kinds.orders.put(order))
        for each in proofs:
            changes += self._kinds.authorizations.put(each)
        await self._store.commit([self._kinds.orders.absent(order.id)], changes)
        return order

    async def find(self, account: AcmeAccount, id_: str) -> AcmeOrder:
        """An order of the account, with the status that its proofs give it."""
        found = await self._kinds.orders.get(self._store, id_)
        if found is None or found.value.account != account.id:
            raise Problem("notFound", "The account has no such order.")
        return await self._current(found.value)

    async def finalize(self, account: AcmeAccount, id_: str, request: bytes) -> AcmeOrder:
        """Issue the certificate; raises ``Problem``."""
        order = await self.find(account, id_)
        if order.status == "valid":
            return order
        if order.status != "ready":
            raise Problem("orderNotReady", f"The order is {order.status}.")
        _refuse_names(
            await rules_of(self._certificates), account, order.names
        )  # others, maybe, than at its start
        marked = await self._mark(order)
        asker = Asker(f"{VIA}:{account.id}", controls=order.names)
        try:
            issued = await self._certificates.issue(
                request, asker, days=order.days, via=VIA, replaces=order.replaces
            )
        except HeliostatError as error:
            await self._end(marked, working_ms=0)
            raise of_error(error) from error
        if issued.record is None:
            raise Problem("serverInternal", "Nothing was issued.")
        return await self._end(marked, status="valid", certificate=issued.record.id)

    async def page(self, account: AcmeAccount, after: str = "") -> tuple[list[str], str]:
        """Ids of an account's orders that are kept, and where the next page begins (empty: none).

        Raises ``Problem`` for a place that is none.
        """
        if after and not (after.isascii() and after.isalnum()):
            raise Problem("malformed", "There is no such page.")
        prefix = self._kinds.orders.index_prefix("account", account.id)
        page = await self._store.list(prefix, limit=PAGE, after=prefix + after if after else None)
        ids = [each.key.removeprefix(prefix) for each in page.items]
        return ids, (page.after or "").removeprefix(prefix)

    async def _mark(self, order: AcmeOrder) -> AcmeOrder:
        now_ms = self._clock.now_ms()

        async def decide() -> Decided[AcmeOrder]:
            stored = await self._kinds.orders.get(self._store, order.id)
            if stored is None or now_ms - stored.value.working_ms < WORKING_MS:
                raise Problem("orderNotReady", "The order is processing.")
            if stored.value.status == "valid":
                raise Problem("orderNotReady", "The order was finalized meanwhile.")
            new = msgspec.structs.replace(stored.value, working_ms=now_ms)
            guards: list[Guard] = [self._kinds.orders.guard(stored)]
            return Decided(new, guards, self._kinds.orders.put(new, stored.value))

        return await settle(self._store, decide)

    async def _end(self, order: AcmeOrder, **fields: Any) -> AcmeOrder:
        async def decide() -> Decided[AcmeOrder]:
            stored = await self._kinds.orders.get(self._store, order.id)
            if stored is None:
                return Decided(order, [], [])
            new = msgspec.structs.replace(stored.value, **fields)
            guards: list[Guard] = [self._kinds.orders.guard(stored)]
            return Decided(new, guards, self._kinds.orders.put(new, stored.value))

        return await settle(self._store, decide)

    async def _current(self, order: AcmeOrder) -> AcmeOrder:
        if order.status == "valid":
            return order
        now_ms = self._clock.now_ms()
        if order.working_ms and now_ms - order.working_ms < WORKING_MS:
            return msgspec.structs.replace(order, status="processing")
        found = [
            await self._kinds.authorizations.get(self._store, id_) for id_ in order.authorizations
        ]
        states = {
            self._authorizations.aged(each.value).status if each else "expired" for each in found
        }
        if now_ms >= order.expires_ms:
            states = {"expired"}
        status = "ready" if states == {"valid"} else "pending"
        if not states <= {"valid", "pending"}:
            status = "invalid"
        return msgspec.structs.replace(order, status=status)

    async def _replaced(self, account: AcmeAccount, told: Any) -> str:
        """The serial number that an order replaces (RFC 9773, 5)."""
        if told is None:
            return ""
        serial = serial_of(told)
        record = (await self._certificates.stored(serial)).value
        if record.by != f"{VIA}:{account.id}":
            raise Problem("unauthorized", "The certificate to replace is another account's.")
        return record.id


def _refuse_names(rules: AcmeRules, account: AcmeAccount, names: Sequence[str]) -> None:
    for name in names:
        if told := acme_refusal(rules, name, account.names):
            raise Problem("rejectedIdentifier", told)


def serial_of(certificate_id: Any) -> str:
    """The serial number in what RFC 9773 calls a certificate; raises ``Problem``."""
    from heliostat.identity.acme.messages import decoded

    _, dot, serial = str(certificate_id).partition(".")
    if not dot or len(serial) > 64:
        raise Problem("malformed", "A certificate is called by its authority and its number.")
    return f"{int.from_bytes(decoded(serial)):032x}"


def _names(identifiers: Any) -> tuple[str, ...]:
    if not isinstance(identifiers, list) or not 1 <= len(identifiers) <= MAX_NAMES:
        raise Problem("malformed", f"An order has 1 to {MAX_NAMES} identifiers.")
    names = []
    for each in identifiers:
        if not isinstance(each, dict) or each.get("type") != "dns":
            raise Problem("unsupportedIdentifier", "Only DNS names are issued.")
        try:
            names.append(checked_dns(str(each.get("value", ""))))
        except HeliostatError as error:
            raise Problem("rejectedIdentifier", error.message) from error
    return tuple(dict.fromkeys(names))
