"""From a change of the store to the event that one caller sees, or none.

What is the same for all readers (the entity, its owner, its JSON) is made once
for each change and shared; what differs is whether this caller may read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from msgspec import to_builtins

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import decode
from heliostat.controller.api.access import may
from heliostat.controller.api.call import Call
from heliostat.controller.api.ownership import Ownership
from heliostat.controller.api.reach import reach_of
from heliostat.controller.api.watched import BY_KIND, Belongs, Watched, id_of, watched_by
from heliostat.controller.events.ring import Change
from heliostat.controller.model.policy import Policy
from heliostat.controller.model.selector import Selector, parse_selector
from heliostat.controller.workflows import kinds
from heliostat.controller.workflows.iam import iam_policy
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Task
from heliostat.wire.events import Event, EventType


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader wants; empty: everything."""

    kinds: frozenset[str] = frozenset()
    entity_id: str = ""
    tenant_id: str = ""
    project_id: str = ""
    selector: Selector = field(default_factory=Selector)

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Filter:
        """Raises ``InvalidQueryParams`` for a kind that is never told of."""
        named = [each for each in query.get("kind", "").split(",") if each]
        for each in named:
            if each not in BY_KIND:
                raise PermanentError(
                    "InvalidQueryParams",
                    f"kind: {each[:80]!r} is none of {', '.join(sorted(BY_KIND))}.",
                    data={"parameter": "kind"},
                )
        return cls(
            kinds=frozenset(BY_KIND[each].kind for each in named),
            entity_id=query.get("entityId", ""),
            tenant_id=query.get("tenantId", ""),
            project_id=query.get("projectId", ""),
            selector=parse_selector(query.get("selector", "")),
        )

    def may_want(self, row: Watched, key: str) -> bool:
        """Whether a change could pass, as far as its key tells."""
        if self.kinds and row.kind not in self.kinds:
            return False
        return self.entity_id in ("", id_of(key))

    def wants(self, entity: object, belongs: Belongs) -> bool:
        if self.tenant_id not in ("", belongs.tenant_id):
            return False
        if self.project_id not in ("", belongs.project_id):
            return False
        return self.selector.selects(getattr(entity, "labels", {}))


@dataclass(frozen=True, slots=True)
class Fact:
    """A change understood: ``entity`` is the one before where it was deleted.

    ``read_at`` is the revision at which it is shown.
    """

    type: EventType
    entity: Any
    belongs: Belongs
    read_at: int


async def _fact(store: CloudStore, row: Watched, change: Change) -> Fact | None:
    """``None`` for a key that came and went within one reading, and for nothing's agent."""
    if not change.key.startswith(row.prefix):
        return await _fact_of_agent(store, row, change)
    before = await store.get(change.key, at_revision=change.revision - 1)
    if change.value is None:
        if before is None:
            return None
        entity = decode(row.type, before)
        return Fact(EventType.DELETED, entity, row.belongs(entity), change.revision - 1)
    entity = msgspec.json.decode(change.value, type=row.type)
    kind = EventType.CHANGED if before is not None else EventType.CREATED
    return Fact(kind, entity, row.belongs(entity), change.revision)


async def _fact_of_agent(store: CloudStore, row: Watched, change: Change) -> Fact | None:
    """A host whose agent came or went."""
    document = await store.get(row.prefix + change.key[change.key.rfind("/") + 1 :])
    if document is None:
        return None
    entity = decode(row.type, document)
    return Fact(EventType.CHANGED, entity, row.belongs(entity), change.revision)


async def _policy_of(store: CloudStore, entity: Any) -> Policy:
    """The policy of an image, VM or disk; of a task that of what it is about, if it is there."""
    if not isinstance(entity, Task):
        policy: Policy = getattr(entity, "policy", ())
        return policy
    if entity.entity_kind not in (kinds.IMAGE, kinds.VM, kinds.DISK):
        return ()
    try:
        return await iam_policy(store, entity.entity_kind, entity.entity_id)
    except PermanentError:
        return ()


class News:
    """What one caller is told."""

    def __init__(self, call: Call, ownership: Ownership, wanted: Filter) -> None:
        self._call = call
        self._ownership = ownership
        self._wanted = wanted

    async def tell(self, change: Change) -> tuple[EventType, bytes] | None:
        """The event's type and JSON; ``None`` if the caller does not want or may not see it."""
        self._ownership.heard(change.key, change.revision)
        row = watched_by(change.key)
        if row is None or not self._wanted.may_want(row, change.key):
            return None
        fact = await change.once("fact", lambda: _fact(self._call.store, row, change))
        if fact is None or not self._wanted.wants(fact.entity, fact.belongs):
            return None
        if not await self._may_read(row, fact, change):
            return None
        if row.personal:
            return fact.type, await self._shown(row, fact, change)
        shared = ("shown", self._call.base)
        return fact.type, await change.once(shared, lambda: self._shown(row, fact, change))

    async def _may_read(self, row: Watched, fact: Fact, change: Change) -> bool:
        principal = self._call.principal
        if principal is None:
            return False
        if principal.is_system_admin:
            return True
        if isinstance(fact.entity, Task) and fact.entity.requested_by == principal.subject:
            return True
        rule = row.access_to(fact.belongs)
        owner = await self._ownership.groups(fact.belongs, change.revision)
        if may(self._call.services, rule, principal, owner):
            return True
        if rule.passes_through:
            reach = await reach_of(self._call.store, principal)
            return reach.is_inside(row.kind, fact.entity.id)
        policy = await change.once("policy", lambda: _policy_of(self._call.store, fact.entity))
        owner = replace(owner, entity_policy=policy)
        return bool(policy) and may(self._call.services, rule, principal, owner)

    async def _shown(self, row: Watched, fact: Fact, change: Change) -> bytes:
        entity = await row.show(self._call, fact.entity, fact.read_at)
        return msgspec.json.encode(
            Event(
                type=fact.type,
                kind=row.kind,
                id=id_of(change.key),
                revision=change.revision,
                time=change.seen_ms,
                tenant_id=fact.belongs.tenant_id,
                project_id=fact.belongs.project_id,
                entity=to_builtins(entity),
            )
        )
