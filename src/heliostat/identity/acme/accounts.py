"""ACME's accounts, and the keys that open them (external account binding)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.acme.messages import binding_header, check_binding, thumbprint
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.records import AcmeAccount, AcmeKey, AcmeKinds
from heliostat.identity.authority.alternative_names import MAX_NAME
from heliostat.identity.decided import Decided, settle
from heliostat.identity.sealing import Sealing

MAC_BYTES = 32
MAX_CONTACTS = 10
MAX_CONTACT = 200
MAX_PATTERNS = 200


class Accounts:
    """Of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, sealing: Sealing, tenant: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sealing = sealing
        self._tenant = tenant
        self._kinds = AcmeKinds.of(tenant)

    async def create_key(
        self, title: str, names: Sequence[str], by: str, *, plan: bool = False
    ) -> tuple[AcmeKey, str]:
        """A key that opens one account; its secret (base64url) is told this once."""
        if not title or len(title) > 100:
            raise PermanentError("InvalidEntity", "A key has a title of 1 to 100 characters.")
        if len(names) > MAX_PATTERNS or not all(0 < len(each) <= MAX_NAME for each in names):
            told = f"A key is for at most {MAX_PATTERNS} names of 1 to {MAX_NAME} characters."
            raise PermanentError("InvalidEntity", told)
        id_ = self._ids.secret(12).replace("-", "x").replace("_", "y")
        secret = base64.urlsafe_b64decode(self._ids.secret(MAC_BYTES).ljust(44, "=")[:44])
        key = AcmeKey(
            id=id_,
            title=title,
            mac=self._sealing.seal(secret, place(self._tenant, id_)),
            names=tuple(names),
            by=by,
            created_ms=self._clock.now_ms(),
        )
        if not plan:
            await self._store.commit([self._kinds.keys.absent(id_)], self._kinds.keys.put(key))
        return key, base64.urlsafe_b64encode(secret).decode().rstrip("=")

    async def keys(self) -> list[AcmeKey]:
        """All, the oldest first."""
        found = [each.value for each in await self._kinds.keys.all(self._store)]
        return sorted(found, key=lambda each: (each.created_ms, each.id))

    async def delete_key(self, id_: str, *, plan: bool = False) -> AcmeKey:
        """Delete a key; the account that it opened is deactivated.  ``AcmeKeyNotFound``."""

        async def decide() -> Decided[AcmeKey]:
            stored = await self._kinds.keys.get(self._store, id_) if id_.isalnum() else None
            if stored is None:
                raise PermanentError("AcmeKeyNotFound", f"There is no ACME key {id_[:60]}.")
            guards: list[Guard] = [self._kinds.keys.guard(stored)]
            changes: list[Change] = list(self._kinds.keys.delete(stored.value))
            opened = stored.value.account
            account = await self._kinds.accounts.get(self._store, opened) if opened else None
            if account is not None:
                ended = msgspec.structs.replace(account.value, status="revoked")
                guards.append(self._kinds.accounts.guard(account))
                changes += self._kinds.accounts.put(ended, account.value)
            return Decided(stored.value, guards, changes)

        return await settle(self._store, decide, plan=plan)

    async def find(self, id_: str) -> AcmeAccount:
        """An account that may ask; raises ``Problem``."""
        found = await self._kinds.accounts.get(self._store, id_) if id_ else None
        if found is None:
            raise Problem("accountDoesNotExist", "There is no such account.")
        if found.value.status != "valid":
            raise Problem("unauthorized", f"The account is {found.value.status}.")
        return found.value

    async def by_key(self, jwk: dict[str, Any]) -> AcmeAccount | None:
        """The account of a key."""
        found = await self._kinds.accounts.by_index(self._store, "thumbprint", thumbprint(jwk))
        return found[0].value if found else None

    async def refuse_unbound(
        self, jwk: dict[str, Any], binding: Any, url: str, required: bool
    ) -> None:
        """Raises ``Problem`` for a binding that is no good, or that is required and not there."""
        if binding is not None:
            await self._bound(binding, jwk, url)
        elif required:
            told = "This domain's administrators hand out keys: `helio identity acme-key create`."
            raise Problem("externalAccountRequired", told)

    async def create(
        self, jwk: dict[str, Any], contacts: Sequence[str], binding: Any, url: str
    ) -> AcmeAccount:
        """An account for whom ``refuse_unbound`` does not refuse; raises ``Problem``."""
        print_ = thumbprint(jwk)
        account = AcmeAccount(
            id=self._ids.secret(12).replace("-", "x").replace("_", "y"),
            thumbprint=print_,
            jwk=jwk,
            contacts=_contacts(contacts),
            created_ms=self._clock.now_ms(),
        )

        async def decide() -> Decided[AcmeAccount]:
            guards: list[Guard] = [self._kinds.accounts.unused("thumbprint", print_)]
            if binding is None:
                return Decided(account, guards, self._kinds.accounts.put(account))
            stored = await self._bound(binding, jwk, url)
            bound = msgspec.structs.replace(account, key=stored.value.id, names=stored.value.names)
            used = msgspec.structs.replace(stored.value, account=account.id)
            guards.append(self._kinds.keys.guard(stored))
            changes: list[Change] = [
                *self._kinds.accounts.put(bound),
                *self._kinds.keys.put(used, stored.value),
            ]
            return Decided(bound, guards, changes)

        return await settle(self._store, decide)

    async def change(self, account: AcmeAccount, **fields: Any) -> AcmeAccount:
        """Contacts, status or key; raises ``Problem`` for a key that another account has."""
        if "contacts" in fields:
            fields["contacts"] = _contacts(fields["contacts"])
        if "jwk" in fields:
            fields["thumbprint"] = thumbprint(fields["jwk"])
            if await self.by_key(fields["jwk"]) is not None:
                raise Problem("malformed", "Another account has this key.")

        async def decide() -> Decided[AcmeAccount]:
            stored = await self._kinds.accounts.get(self._store, account.id)
            if stored is None or stored.value.status != "valid":
                raise Problem("unauthorized", "The account is gone.")
            new = msgspec.structs.replace(stored.value, **fields)
            guards: list[Guard] = [self._kinds.accounts.guard(stored)]
            if "thumbprint" in fields:
                guards.append(self._kinds.accounts.unused("thumbprint", new.thumbprint))
            return Decided(new, guards, self._kinds.accounts.put(new, stored.value))

        return await settle(self._store, decide)

    async def _bound(self, binding: Any, jwk: dict[str, Any], url: str) -> Stored[AcmeKey]:
        kid = binding_header(binding).get("kid")
        found = (
            await self._kinds.keys.get(self._store, kid)
            if isinstance(kid, str) and kid.isalnum() and kid.isascii()
            else None
        )
        if found is None:
            raise Problem("unauthorized", "There is no such key for external account binding.")
        mac = self._sealing.unseal(found.value.mac, place(self._tenant, found.value.id))
        check_binding(binding, jwk, url, mac)
        if found.value.account:
            raise Problem("unauthorized", "The key for external account binding was used.")
        return found


def _contacts(contacts: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(contacts, list | tuple) or len(contacts) > MAX_CONTACTS:
        raise Problem("malformed", f"An account has at most {MAX_CONTACTS} contacts.")
    for each in contacts:
        if not isinstance(each, str) or len(each) > MAX_CONTACT:
            raise Problem("invalidContact", "A contact is a short text.")
        if not each.startswith("mailto:"):
            raise Problem("unsupportedContact", "Contacts are mailto: addresses.")
    return tuple(contacts)


def place(tenant: str, id_: str) -> str:
    """What the secret of a key is sealed for."""
    return f"acme-key/{tenant}/{id_}"
