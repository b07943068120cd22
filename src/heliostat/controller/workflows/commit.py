"""Committing an admission: the one place where a verb's decision becomes fact.

When a guard fails, somebody changed what the verb had read; the verb decides
anew on the new facts.  This is the only retry loop around compare-and-set on
the admitting side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.cloudstore.documents import reading_ahead
from heliostat.controller.workflows.admission import Admission, Ports
from heliostat.controller.workflows.crowds import Chain, Queue, name_of
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.tasks.admit import changes_for
from heliostat.tasks.retry import conflict_pause_s

Decide = Callable[[], Awaitable[Admission]]
Extra = Callable[[Admission], tuple[Sequence[Guard], Sequence[Change]]]


def changes_of(admission: Admission) -> list[Change]:
    """Everything that the admission's commit writes."""
    task = [] if admission.task_exists else changes_for(admission.task)
    return [*admission.changes, *task]


async def perform(
    ports: Ports, decide: Decide, extra: Extra | None = None, *, place: str = ""
) -> Admission:
    """Decide and commit; the admission that was committed.

    ``extra`` adds to the same commit (an idempotency record).  Raises what the
    verb raises, and ``ConcurrentTask`` when others kept changing what it reads.
    Whoever lost queues with the others that want the same: see ``crowds``; equal
    ``place`` says that requests are likely to want the same.
    """
    crowd = ports.crowds.at(place)
    if crowd is None:
        admission = await decide()
        crowd = ports.crowds.around(admission.guards)
        if crowd is None:
            lost = await _commit(ports, *_whole(admission, extra))
            if lost is None:
                return admission
            crowd = name_of(lost)
    async with ports.crowds.joined(crowd, place) as queue:
        losses = 0
        while losses < ports.settings.admission_attempts:
            turn = await _in_turn(ports, crowd, queue, decide, extra)
            if turn.happened:
                return turn.admission
            if turn.on_facts:  # behind another's commit that failed it had no chance
                losses += 1
                await ports.clock.sleep(conflict_pause_s(turn.admission.task.id, losses))
    raise PermanentError(
        "ConcurrentTask",
        "Others kept changing the same things; this request could not be decided on firm ground.",
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """What was decided, whether on facts alone, and whether its commit happened."""

    admission: Admission
    on_facts: bool
    happened: bool


async def _in_turn(
    ports: Ports, crowd: str, queue: Queue, decide: Decide, extra: Extra | None
) -> _Turn:
    """Decide when it is our turn, on what those before us are about to write; then commit."""
    async with queue.lock:
        chain = queue.chain
        admission = await _decided(chain, decide)
        if queue.chain is not chain and chain.ahead is not None:
            # What it was decided on will not be: its commit would only fail.
            admission = await _decided(queue.chain, decide)
        chain = queue.chain  # also where it became another: those behind build on this commit
        on_facts = chain.ahead is None
        guards, changes = _whole(admission, extra)
        commit = asyncio.ensure_future(_commit(ports, chain.guards(guards), changes))
        chain.add(crowd, changes, commit)
    happened = False
    try:
        happened = await commit is None
    finally:
        if not happened:
            queue.broken(chain)
    return _Turn(admission, on_facts, happened)


async def _decided(chain: Chain, decide: Decide) -> Admission:
    """A decision on the document ahead, if there is one; a refusal only on facts."""
    if chain.ahead is None:
        return await decide()
    try:
        with reading_ahead(chain.ahead):
            return await decide()
    except HeliostatError:
        if chain.last is not None:
            await asyncio.wait([chain.last])
        chain.ahead = None
        return await decide()


def _whole(admission: Admission, extra: Extra | None) -> tuple[list[Guard], list[Change]]:
    """All guards and changes of an admission's commit."""
    guards, changes = extra(admission) if extra is not None else ((), ())
    return [*admission.guards, *guards], [*changes_of(admission), *changes]


async def _commit(ports: Ports, guards: Sequence[Guard], changes: Sequence[Change]) -> Guard | None:
    """Commit what was decided; the guard that failed, if one did."""
    try:
        await ports.store.commit(guards, changes)
    except GuardFailed as error:
        return error.guard
    return None
