"""The hands that furnish a site: make by verb, write as a worker would, keep the sums right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from heliostat.cloudstore.contract import Change
from heliostat.cloudstore.documents import Kind
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.model.quota import OwnerKind, charge
from heliostat.controller.model.quota_delegation import settle
from heliostat.controller.model.reservation import Reservation
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Ports
from heliostat.controller.workflows.commit import perform

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(slots=True)
class Hands:
    """``ids`` holds the id of everything that was made, by its name."""

    ports: Ports
    ids: dict[str, str] = field(default_factory=dict)

    def new(self, name: str) -> str:
        """A fresh id for the thing ``name``."""
        self.ids[name] = self.ports.ids.new_id()
        return self.ids[name]

    async def make(self, name: str, decide: Callable[[], Awaitable[Admission]]) -> None:
        """Make the thing ``name`` by a verb that completes at once."""
        self.ids[name] = (await perform(self.ports, decide)).task.entity_id

    async def put(self, kind: Kind[T], value: T, previous: T | None = None) -> None:
        await self.ports.store.commit((), kind.put(value, previous))

    async def charge(self, cost: tuple[CostItem, ...]) -> None:
        """Charge the project web and its tenant."""
        store = self.ports.store
        project = (await reading.quota(store, OwnerKind.PROJECT, self.ids["web"])).value
        tenant = (await reading.quota(store, OwnerKind.TENANT, self.ids["acme"])).value
        after = charge(project, cost)
        changes: list[Change] = [
            *kinds.QUOTAS[OwnerKind.PROJECT].put(after),
            *kinds.QUOTAS[OwnerKind.TENANT].put(settle(tenant, project, after)),
        ]
        await store.commit((), changes)

    async def reserve(self, change: Callable[[Reservation], Reservation]) -> None:
        """Change the reservation of the host ``host``."""
        stored = await kinds.RESERVATIONS.get(self.ports.store, self.ids["host"])
        assert stored is not None
        await self.put(kinds.RESERVATIONS, change(stored.value))
