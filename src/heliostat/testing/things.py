"""A small but complete operation, for whatever has to see tasks run.

MAKE_THING has three steps with effects and undo: one that only stands for the
admission (its undo takes the thing and its quota back), one that reserves under
a compare-and-set, and one that changes a world outside the store.  The ``World``
counts, refuses or delays as told, and raises if a step ever runs twice at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from heliostat.cloudstore.contract import Absent, AtRevision, CloudStore, Delete, Guard, Put
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.admit import changes_for, new_task
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow

QUOTA = "/v1/thing-quota/all"
RESERVED = "/v1/thing-reservation/host"


def thing_key(thing_id: str) -> str:
    return f"/v1/thing/{thing_id}"


@dataclass
class World:
    """What lies outside the store; ``faults`` are raised, one a call, by the named step.

    ``gates`` hold a step up until they are set; ``reached`` is set when one was.
    """

    running: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[Callable[[], BaseException]]] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def step(self, context: StepContext, name: str) -> AsyncIterator[None]:
        """One call of a step, alone for its task."""
        place = f"{context.task.id}/{context.step.operation}"
        assert place not in self.inside, f"{place} runs twice at once"
        self.inside.add(place)
        try:
            self.calls[name] += 1
            if (gate := self.gates.get(name)) is not None:
                context.waiting_for(f"Waiting for the gate of {name}.")
                self.reached.set()
                await gate.wait()
            if waiting := self.faults.get(name):
                raise waiting.pop(0)()
            yield
        finally:
            self.inside.discard(place)


async def admit_thing(
    store: CloudStore, clock: Clock, ids: Ids, workflow: Workflow | None = None
) -> str:
    """Commit a thing, its quota and its task; the task's id."""
    thing_id = ids.new_id()
    task = new_task(
        ids,
        clock,
        workflow or MAKE_THING,
        entity_kind="thing",
        entity_id=thing_id,
        tenant_id="t1",
        project_id="p1",
    )
    quota = await store.get(QUOTA)
    guard: Guard = Absent(QUOTA) if quota is None else AtRevision(QUOTA, quota.revision)
    used = 1 + (int(quota.value) if quota else 0)
    thing = Put(thing_key(thing_id), b"CREATING")
    await store.commit([guard], [thing, Put(QUOTA, b"%d" % used), *changes_for(task)])
    return task.id


async def _admitted(context: StepContext) -> Done:
    async with _world(context).step(context, "admitted"):
        return Done()


async def _take_back(context: StepContext) -> Done:
    async with _world(context).step(context, "undo admitted"):
        key = thing_key(context.task.entity_id)
        quota = await context.store.get(QUOTA)
        if quota is None or await context.store.get(key) is None:
            return Done()
        used = int(quota.value) - 1
        guards = [AtRevision(QUOTA, quota.revision)]
        return Done(changes=[Delete(key), Put(QUOTA, b"%d" % used)], guards=guards)


async def _reserve(context: StepContext) -> Done:
    async with _world(context).step(context, "reserve"):
        reserved, guard = await _reserved(context.store)
        thing = context.task.entity_id
        after = sorted({*reserved, thing})
        context.explain(
            "placement", f"host chosen; {len(reserved)} things there", seen=len(reserved)
        )
        change = Put(RESERVED, msgspec.json.encode(after))
        return Done(changes=[change], guards=[guard], result={"host": "host"})


async def _unreserve(context: StepContext) -> Done:
    async with _world(context).step(context, "undo reserve"):
        reserved, guard = await _reserved(context.store)
        after = [thing for thing in reserved if thing != context.task.entity_id]
        return Done(changes=[Put(RESERVED, msgspec.json.encode(after))], guards=[guard])


async def _start(context: StepContext) -> Done:
    world, thing = _world(context), context.task.entity_id
    async with world.step(context, "start"):
        assert context.result_of("RESERVE") == {"host": "host"}
        await context.commit([], [Put(thing_key(thing), b"STARTING")])
        world.running.add(thing)
        return Done(
            changes=[Put(thing_key(thing), b"READY")],
            resource_properties={"thing": thing},
        )


async def _stop(context: StepContext) -> Done:
    world = _world(context)
    async with world.step(context, "undo start"):
        world.running.discard(context.task.entity_id)
        return Done()


async def _stuck(context: StepContext) -> Done:
    async with _world(context).step(context, "stuck"):
        return Done(changes=[Put(thing_key(context.task.entity_id), b"ERROR")])


async def _reserved(store: CloudStore) -> tuple[list[str], Guard]:
    document = await store.get(RESERVED)
    if document is None:
        return [], Absent(RESERVED)
    return msgspec.json.decode(document.value, type=list[str]), AtRevision(
        RESERVED, document.revision
    )


def _world(context: StepContext) -> World:
    world = context.ports
    assert isinstance(world, World)
    return world


MAKE_THING = Workflow(
    operation="MAKE_THING",
    steps=(
        StepDefinition(operation="ADMIT", run=_admitted, undo=_take_back),
        StepDefinition(operation="RESERVE", run=_reserve, undo=_unreserve),
        StepDefinition(operation="START", run=_start, undo=_stop, skippable=True, attempts=4),
    ),
    stuck=_stuck,
)
