"""The verbs on policies: show one, change some of its settings, go back to the site's.

A tenant's own settings are one document, read whenever its realm is asked for, so that a
change counts at once and on every controller.  Whoever changes it may say which generation
was seen; then nobody's change is overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.policies.effects import effects
from heliostat.identity.policies.records import PolicyRecord, policies_of
from heliostat.identity.policies.sections import (
    Setting,
    checked,
    laid_over,
    refuse_unknown,
    settings_of,
    value_at,
)
from heliostat.identity.tenant import find_tenant, no_tenant, options_of

DOCUMENT = "policy"
Changed = Callable[[str], Awaitable[None]]
"""Hears the domain of a tenant whose policy was changed just now."""


async def _nobody(_domain: str) -> None:
    """For a directory that nobody but us keeps."""


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What counts in a tenant; ``changes`` are sentences about a change just decided."""

    domain: str
    generation: int
    changed_ms: int
    settings: tuple[Setting, ...]
    changes: tuple[str, ...] = ()


class Policies:
    """The policies of all tenants."""

    def __init__(self, store: CloudStore, clock: Clock, site: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._site = site
        self.changed: Changed = _nobody

    async def get_policy(self, domain: str) -> PolicyView:
        """Raises ``TenantNotFound``."""
        base = await self._base(domain)
        return _view(base, (await _read(self._store, base.tenant)).record)

    async def change_policy(
        self,
        domain: str,
        values: Mapping[str, Any],
        removed: Iterable[str] = (),
        *,
        generation: int | None = None,
        plan: bool = False,
    ) -> PolicyView:
        """Set ``values`` by path and give up the tenant's own of ``removed``.

        Raises ``TenantNotFound``, ``InvalidPolicy``, and ``PolicyChanged`` where
        ``generation`` is given and another one is there.
        """
        base = await self._base(domain)
        dropped = frozenset(removed)

        async def decide() -> Decided[PolicyView]:
            read = await _read(self._store, base.tenant)
            before = read.record
            _refuse_unseen(before, generation)
            refuse_unknown(base, dropped - before.settings.keys())
            own = {path: value for path, value in before.settings.items() if path not in dropped}
            options = checked(base, {**own, **values})
            own |= {path: value_at(options, path) for path in values}
            after = PolicyRecord(
                id=DOCUMENT,
                generation=before.generation + 1,
                settings=own,
                changed_ms=self._clock.now_ms(),
            )
            if after.settings == before.settings:
                return Decided(_view(base, before), [read.guard], [])
            told = await effects(
                self._store, self._clock, laid_over(base, before.settings), options
            )
            changes = policies_of(base.tenant).put(after)
            return Decided(_view(base, after, told), [read.guard], changes)

        view = await settle(self._store, decide, plan=plan)
        if not plan:
            await self.changed(domain)
        return view

    async def reset_policy(
        self, domain: str, *, generation: int | None = None, plan: bool = False
    ) -> PolicyView:
        """Give up everything of the tenant's own; raises as ``change_policy``."""
        base = await self._base(domain)
        own = (await _read(self._store, base.tenant)).record.settings
        return await self.change_policy(domain, {}, own, generation=generation, plan=plan)

    async def _base(self, domain: str) -> IdentityOptions:
        """The site's settings as they are for the tenant."""
        if fold(domain) == fold(self._site.domain):
            return self._site
        stored = await find_tenant(self._store, domain)
        if stored is None:
            raise no_tenant(domain)
        return options_of(stored.value, self._site)


@dataclass(frozen=True, slots=True)
class _Read:
    record: PolicyRecord
    guard: Guard


async def read_policy(store: CloudStore, tenant: str) -> Stored[PolicyRecord] | None:
    """A tenant's own settings; ``None`` where it has none."""
    return await policies_of(tenant).get(store, DOCUMENT)


async def _read(store: CloudStore, tenant: str) -> _Read:
    kind = policies_of(tenant)
    stored = await read_policy(store, tenant)
    if stored is None:
        return _Read(PolicyRecord(id=DOCUMENT), kind.absent(DOCUMENT))
    return _Read(stored.value, kind.guard(stored))


def _view(base: IdentityOptions, record: PolicyRecord, changes: Iterable[str] = ()) -> PolicyView:
    options = laid_over(base, record.settings)
    return PolicyView(
        domain=base.domain,
        generation=record.generation,
        changed_ms=record.changed_ms,
        settings=tuple(settings_of(base, options, record.settings)),
        changes=tuple(changes),
    )


def _refuse_unseen(record: PolicyRecord, generation: int | None) -> None:
    if generation is not None and generation != record.generation:
        raise PermanentError(
            "PolicyChanged",
            f"The policy is at generation {record.generation}, not {generation}: somebody has "
            "changed it since.",
        )
