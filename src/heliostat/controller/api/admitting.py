"""From a decided operation to an answer: plan it, or commit it once.

Entity, quota, task and idempotency record are one commit.  The same
``Idempotency-Key`` with the same body answers the same task again (see
:mod:`heliostat.controller.workflows.repeatable`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from heliostat.cloudstore.contract import Change, Guard
from heliostat.controller.api.answers import as_json
from heliostat.controller.api.call import Call
from heliostat.controller.api.planning import show_plan
from heliostat.controller.api.presenting import show_task
from heliostat.controller.api.recording import RECORDED, admission_record, note_done
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.controller.workflows.repeatable import Claim, Replayed, perform_once
from heliostat.core.errors import PermanentError
from heliostat.tasks import idempotency

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
NO_TASK = ""

Verb = Callable[[Caller], Awaitable[Admission]]


async def answer(call: Call, verb: Verb, body_digest: str) -> web.StreamResponse:
    """200 with the plan, or 201 with the task."""
    if call.wants_plan:
        return as_json(await show_plan(call, await verb(call.caller)), 200)
    claim = _claim_of(call, body_digest)
    recorded = ""

    def record(admission: Admission) -> list[Change]:
        nonlocal recorded
        recorded = admission.task.id
        return admission_record(call, admission)

    place = f"{call.route.method} {call.request.path}"
    task = await perform_once(call.ports, lambda: verb(call.caller), claim, record, place=place)
    if recorded == task.id:
        call.request[RECORDED] = True
        if task.state.is_final:  # complete with its admission, so no worker will tell of it
            call.services.metrics.task_ended(task)
    else:
        note_done(call)  # the key was answered before: this request changed nothing
    return as_json(show_task(task, call.base), call.route.status)


def _claim_of(call: Call, body_digest: str) -> Claim | None:
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
    return Claim(call.ports, idempotency.record_key(call.caller.subject, route, given), body_digest)


async def is_repeated(call: Call) -> bool:
    """Whether the request's key was used before, with whatever body."""
    claim = _claim_of(call, "")
    return claim is not None and await call.store.get(claim.key) is not None


async def once(
    call: Call,
    change: Callable[[Call, bool], Awaitable[Any]],
    again: Callable[[Call], Awaitable[Any]],
    body_digest: str,
) -> Any:
    """A change of the directory; ``again`` answers when its key was used before.

    The record of the key is in the same commit as the change, so it is carried out once
    however often, and however much at the same moment, it is asked for.
    """
    claim = _claim_of(call, body_digest)
    if claim is None:
        return await change(call, False)

    async def record() -> tuple[Sequence[Guard], Sequence[Change]]:
        await claim.look()
        return claim.record(NO_TASK)

    try:
        await claim.look()  # before the work of a change, such as hashing a password
        with call.services.directories.system.beside(record):
            return await change(call, False)
    except Replayed:
        return await again(call)
