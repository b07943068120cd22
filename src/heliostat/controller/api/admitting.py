"""From a decided operation to an answer: plan it, or commit it once.

Entity, quota, task and idempotency record are one commit.  The same
``Idempotency-Key`` with the same body answers the same task again; with another
body it is a conflict.  When the store did not say whether the commit happened,
the task's own document tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from heliostat.cloudstore.contract import (
    Change,
    Document,
    Guard,
    GuardFailed,
    StoreUnavailable,
)
from heliostat.controller.api.answers import as_json
from heliostat.controller.api.call import Call
from heliostat.controller.api.planning import show_plan
from heliostat.controller.api.presenting import show_task
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.controller.workflows.commit import perform
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.tasks import idempotency
from heliostat.tasks.model import Task

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
NO_TASK = ""

Verb = Callable[[Caller], Awaitable[Admission]]


async def answer(call: Call, verb: Verb, body_digest: str) -> web.StreamResponse:
    """200 with the plan, or 201 with the task."""
    if call.wants_plan:
        return as_json(await show_plan(call, await verb(call.caller)), 200)
    task = await _commit(call, verb, body_digest)
    return as_json(show_task(task, call.base), call.route.status)


@dataclass(slots=True)
class _Claim:
    """One request's idempotency key; ``look`` reads its record, which ``record`` guards."""

    call: Call
    key: str
    body_digest: str
    found: Document | None = None

    async def look(self) -> None:
        """Raise ``_Replayed`` if the key was answered before; ``IdempotencyConflict``."""
        self.found = await self.call.store.get(self.key)
        task_id = idempotency.replayed(self.found, self.body_digest, self._now_ms())
        if task_id is not None:
            raise _Replayed(task_id)

    def record(self, task_id: str) -> tuple[Sequence[Guard], Sequence[Change]]:
        fresh = idempotency.record(self.found, self.key, self.body_digest, task_id, self._now_ms())
        return fresh.guards, fresh.changes

    def _now_ms(self) -> int:
        return self.call.ports.clock.now_ms()


def _claim_of(call: Call, body_digest: str) -> _Claim | None:
    """The request's key, scoped by caller and path: a key of one entity is none of another."""
    given = call.request.headers.get(HEADER)
    if given is None:
        return None
    if not 1 <= len(given) <= MAX_KEY_LENGTH:
        raise PermanentError(
            "InvalidEntity",
            f"{HEADER} has 1 to {MAX_KEY_LENGTH} characters, this one {len(given)}.",
            data={"field": HEADER},
        )
    route = f"{call.route.method} {call.request.path}"
    return _Claim(call, idempotency.record_key(call.caller.subject, route, given), body_digest)


class _Replayed(Exception):
    """The key was answered before, with this task."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id


async def once(
    call: Call,
    change: Callable[[Call, bool], Awaitable[Any]],
    again: Callable[[Call], Awaitable[Any]],
    body_digest: str,
) -> Any:
    """A change that commits by itself; ``again`` answers when its key was used before.

    Its record is a commit of its own right after, so of two equal calls at the same
    moment (or after a crash between both commits) one may be refused as a repetition.
    """
    claim = _claim_of(call, body_digest)
    if claim is None:
        return await change(call, False)
    try:
        await claim.look()
    except _Replayed:
        return await again(call)
    made = await change(call, False)
    guards, changes = claim.record(NO_TASK)
    with suppress(GuardFailed):  # an equal call was recorded meanwhile
        await call.store.commit(guards, changes)
    return made


async def _commit(call: Call, verb: Verb, body_digest: str) -> Task:
    claim = _claim_of(call, body_digest)
    decided: list[Admission] = []

    async def decide() -> Admission:
        if claim is not None:
            await claim.look()
        admission = await verb(call.caller)
        decided.append(admission)
        return admission

    def record(admission: Admission) -> tuple[Sequence[Guard], Sequence[Change]]:
        return claim.record(admission.task.id) if claim is not None else ((), ())

    try:
        return (await perform(call.ports, decide, record)).task
    except _Replayed as replayed:
        return await reading.task(call.store, replayed.task_id)
    except StoreUnavailable:
        if decided and (found := await _committed(call, decided[-1])) is not None:
            return found
        raise


async def _committed(call: Call, admission: Admission) -> Task | None:
    """The task if the commit whose outcome is unclear did happen."""
    if admission.task_exists:
        return None
    try:
        return await reading.task(call.store, admission.task.id)
    except HeliostatError:
        return None
