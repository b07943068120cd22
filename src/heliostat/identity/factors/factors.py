"""People's second factors: enrolled, shown, listed, removed.

What is typed is counted as passwords are, apart from them: a right password does not forget wrong
codes.  A used code, a passkey's counter and a spent recovery code are each one commit with what
was read, so nothing counts twice, at however many controllers it is shown.
"""

from __future__ import annotations

import hashlib

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Delete
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.factors import totp
from heliostat.identity.factors.records import Factor, FactorKind, factors_of
from heliostat.identity.factors.recovery import looks_like_one, new_codes
from heliostat.identity.factors.recovery_codes import RecoveryCodes
from heliostat.identity.factors.views import FactorView, Held, named, view
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.lockout import Lockouts, second_id
from heliostat.identity.passwords.records import attempts_of
from heliostat.identity.sealing import Sealing
from heliostat.identity.steps.proofs import Proof

MOST = 10
"""Factors of one person, beside the recovery codes."""


class Factors:
    """The second factors of one tenant's people."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, sealing: Sealing
    ) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.options = options
        self.sealing = sealing
        self.kept = factors_of(options.tenant)
        self.recovery = RecoveryCodes(store, clock, ids, self.kept, sealing, options.tenant)
        self._lockouts = Lockouts(store, attempts_of(options.tenant), clock, options.lockout)

    async def held(self, user: str) -> Held:
        """What ``user`` could show."""
        kinds = {each.value.kind for each in await self.of(user)}
        return Held(FactorKind.CODES in kinds, FactorKind.PASSKEY in kinds)

    async def of(self, user: str) -> list[Stored[Factor]]:
        """All factors of a person, oldest first, recovery codes last."""
        found = await self.kept.by_index(self.store, "user", fold(user))

        def order(each: Stored[Factor]) -> tuple[bool, int, str]:
            factor = each.value
            return factor.kind is FactorKind.RECOVERY, factor.created_ms, factor.id

        return sorted(found, key=order)

    async def views(self, user: str) -> list[FactorView]:
        return [view(each.value) for each in await self.of(user)]

    def new_secret(self, user: str) -> tuple[bytes, str]:
        """A secret for an app, and what its page brings back: the same, sealed for ``user``.

        Nothing is kept until a first code shows that the app has it.
        """
        random = self.ids.secret(2 * totp.SECRET_BYTES).encode()
        secret = hashlib.sha256(random).digest()[: totp.SECRET_BYTES]
        return secret, self.sealing.seal(secret, self._offer(user))

    def offered(self, user: str, sealed: str) -> bytes:
        """The secret of a page's form; raises ``SecondFactorWrong`` for one of nobody's making."""
        try:
            return self.sealing.unseal(sealed, self._offer(user))
        except PermanentError as error:
            raise wrong("the page was made for somebody else") from error

    async def add_codes(self, user: str, sealed: str, code: str, name: str) -> tuple[str, ...]:
        """Enrol an app whose first code is ``code``; gives recovery codes if these are the first.

        Raises ``SecondFactorWrong``, ``InvalidOperation`` for one factor too many.
        """
        secret = self.offered(user, sealed)
        now_ms = self.clock.now_ms()
        step = totp.matching_step(secret, code, now_ms / 1000, 0)
        if step is None:
            raise wrong("it is not the code of now; is the phone's clock right?")
        factor = Factor(
            id=self.ids.new_id(),
            user=fold(user),
            kind=FactorKind.CODES,
            name=named(name, "Authenticator app"),
            created_ms=now_ms,
            last_step=step,
        )
        kept = msgspec.structs.replace(
            factor, sealed=self.sealing.seal(secret, place(self.options.tenant, factor))
        )
        return await self.add(kept)

    async def add(self, factor: Factor) -> tuple[str, ...]:
        """Keep a new factor, with recovery codes beside a person's first."""
        codes = new_codes(self.ids.secret)

        async def decide() -> Decided[tuple[str, ...]]:
            page = await self.kept.list_by_index(self.store, "user", factor.user)
            others = [each.value for each in page.items]
            if len(others) > MOST:
                raise PermanentError("InvalidOperation", f"Nobody has more than {MOST} factors.")
            changes = self.kept.put(factor)
            has_codes = any(each.kind is FactorKind.RECOVERY for each in others)
            if not has_codes:
                changes += self.kept.put(self.recovery.fresh(factor.user, codes))
            guards = [self.kept.index_unchanged("user", factor.user, page.revision)]
            return Decided(() if has_codes else codes, guards, changes)

        return await settle(self.store, decide)

    async def show_code(self, user: str, code: str) -> Proof:
        """What a typed code proves: an app's, or a recovery code, which is spent.

        Raises ``SecondFactorWrong``, with one sentence for wrong, used and locked.
        """
        attempts = second_id(user)
        right = None
        if await self._lockouts.admitted(attempts):
            spend = self.recovery.spend if looks_like_one(code) else self._spend_step
            right = await spend(fold(user), code)
        if right is None:
            raise wrong("it is wrong, or was used, or too many were tried")
        await self._lockouts.forget(attempts)
        return right

    async def remove(self, user: str, id_: str, *, plan: bool = False) -> FactorView:
        """Remove one factor; recovery codes go with the last.  Raises ``FactorNotFound``."""

        async def decide() -> Decided[FactorView]:
            page = await self.kept.list_by_index(self.store, "user", fold(user))
            found = [each.value for each in page.items if each.value.id == id_]
            if not found:
                raise PermanentError("FactorNotFound", f"{user} has no factor {id_[:40]}.")
            rest = [each.value for each in page.items if each.value.id != id_]
            changes = self.kept.delete(found[0])
            if all(each.kind is FactorKind.RECOVERY for each in rest):
                for each in rest:
                    changes += self.kept.delete(each)
            guards = [self.kept.index_unchanged("user", fold(user), page.revision)]
            return Decided(view(found[0]), guards, changes)

        return await settle(self.store, decide, plan=plan)

    async def remove_all(self, user: str, *, plan: bool = False) -> list[FactorView]:
        """Remove all of a person's, and forget wrong codes; gives what was there."""

        async def decide() -> Decided[list[FactorView]]:
            page = await self.kept.list_by_index(self.store, "user", fold(user))
            changes: list[Change] = [Delete(self._attempts_key(user))]
            for each in page.items:
                changes += self.kept.delete(each.value)
            guards = [self.kept.index_unchanged("user", fold(user), page.revision)]
            return Decided([view(each.value) for each in page.items], guards, changes)

        return await settle(self.store, decide, plan=plan)

    def _attempts_key(self, user: str) -> str:
        return attempts_of(self.options.tenant).key(second_id(user))

    async def _spend_step(self, user: str, code: str) -> Proof | None:
        async def decide() -> Decided[Proof | None]:
            now_ms = self.clock.now_ms()
            for each in await self.of(user):
                factor = each.value
                if factor.kind is not FactorKind.CODES:
                    continue
                secret = self.sealing.unseal(factor.sealed, place(self.options.tenant, factor))
                step = totp.matching_step(secret, code, now_ms / 1000, factor.last_step)
                if step is not None:
                    new = msgspec.structs.replace(factor, last_step=step, used_ms=now_ms)
                    changes = self.kept.put(new, factor)
                    return Decided(Proof.ONE_TIME, [self.kept.guard(each)], changes)
            return Decided(None, [], [])

        return await settle(self.store, decide)

    def _offer(self, user: str) -> str:
        return f"{self.options.tenant}/offered/{fold(user)}"


def wrong(why: str) -> PermanentError:
    """A second factor that is not accepted."""
    return PermanentError("SecondFactorWrong", f"That is not accepted: {why}.")


def place(tenant: str, factor: Factor) -> str:
    """What the secret of codes is sealed for."""
    return f"{tenant}/factor/{factor.user}/{factor.id}"
