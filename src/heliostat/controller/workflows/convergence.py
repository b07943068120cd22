"""Waiting until an agent has made a desired document true.

Level-triggered: what is wanted is written once, and what is reported is looked
at whenever it changes, also after this process took over from another.  The
wait is bounded by the clock and says what it waits for, so a stalled task tells
whether the agent is away or just busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import msgspec

from heliostat.agentlink.messages import (
    Fault,
    GuestState,
    ReportedCapture,
    ReportedDisk,
    ReportedVm,
)
from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    CloudStore,
    Compacted,
    Guard,
    Put,
    StoreUnavailable,
)
from heliostat.cloudstore.documents import decode, encode
from heliostat.controller.model.desired import CAPTURE, DISK, VM, agent_key, reported_key
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.steps import fault_error, ports_of
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import StepContext

T = TypeVar("T")
R = TypeVar("R", ReportedDisk, ReportedCapture)
CRASHED = "GuestCrashed"
"""A fault that says how the last run ended: no obstacle to what agrees with a guest that is off."""

Check = Callable[[], Awaitable[T | None]]


async def want(ctx: StepContext, key: str, desired: msgspec.Struct) -> int:
    """Write a desired document unless it says the same already; its revision."""
    value = encode(desired)
    document = await ctx.store.get(key)
    if document is not None and document.value == value:
        return document.revision
    guard: Guard = Absent(key) if document is None else AtRevision(key, document.revision)
    return await ctx.commit([guard], [Put(key, value)])


async def vm_converged(
    ctx: StepContext,
    host_id: str,
    vm_id: str,
    revision: int,
    doing: str,
    timeout_s: float,
    accepted: Callable[[ReportedVm], bool],
) -> ReportedVm:
    """The report that the host has converged to ``revision`` of the VM, as ``accepted`` judges.

    Raises the agent's fault if it gave up, and ``TimedOut``.
    """
    key = reported_key(host_id, VM, vm_id)

    async def check() -> ReportedVm | None:
        document = await ctx.store.get(key)
        report = None
        if document is not None:
            report = decode(ReportedVm, document)
        fresh = report if report is not None and report.revision >= revision else None
        if fresh is not None:
            agreed = fresh.settled and accepted(fresh)
            if fresh.fault is not None and not (agreed and fresh.fault.code == CRASHED):
                await _raise_final(ctx, host_id, fresh.fault, settled=fresh.settled)
            elif agreed:
                return fresh
        await _say(ctx, host_id, doing, _progress(fresh))
        return None

    return await _waited(ctx, host_id, [key], doing, timeout_s, check)


async def disk_converged(
    ctx: StepContext, host_id: str, disk_id: str, revision: int, doing: str, timeout_s: float
) -> ReportedDisk:
    """The report that the host has made the disk of ``revision``."""
    key = reported_key(host_id, DISK, disk_id)
    return await _settled(ctx, host_id, key, ReportedDisk, revision, doing, timeout_s)


async def capture_converged(
    ctx: StepContext, host_id: str, image_id: str, revision: int, doing: str, timeout_s: float
) -> ReportedCapture:
    """The report that the host has made the image's content and that it is here."""
    key = reported_key(host_id, CAPTURE, image_id)
    return await _settled(
        ctx,
        host_id,
        key,
        ReportedCapture,
        revision,
        doing,
        timeout_s,
        progress=lambda report: f"{report.progress:.0%} done",
    )


async def _settled(
    ctx: StepContext,
    host_id: str,
    key: str,
    type_: type[R],
    revision: int,
    doing: str,
    timeout_s: float,
    *,
    progress: Callable[[R], str] = lambda _report: "",
) -> R:
    """The report at ``key`` once it is settled for ``revision``; its fault once that is final."""

    async def check() -> R | None:
        document = await ctx.store.get(key)
        report = decode(type_, document) if document is not None else None
        fresh = report if report is not None and report.revision >= revision else None
        if fresh is not None and fresh.fault is not None:
            await _raise_final(ctx, host_id, fresh.fault, settled=fresh.settled)
        elif fresh is not None and fresh.settled:
            return fresh
        await _say(ctx, host_id, doing, progress(fresh) if fresh is not None else "")
        return None

    return await _waited(ctx, host_id, [key], doing, timeout_s, check)


async def gone(
    ctx: StepContext, host_id: str, kind: str, entity_id: str, doing: str, timeout_s: float
) -> None:
    """Return once the host says that the entity no longer exists there."""
    key = reported_key(host_id, kind, entity_id)

    async def check() -> bool | None:
        if await ctx.store.get(key) is None:
            return True
        await _say(ctx, host_id, doing, "")
        return None

    await _waited(ctx, host_id, [key], doing, timeout_s, check)


async def _raise_final(ctx: StepContext, host_id: str, fault: Fault, *, settled: bool) -> None:
    """Raise a fault that the agent won't try to get over."""
    if settled or fault.permanent:
        raise fault_error(host_id, await reading.host_name(ctx.store, host_id), fault)


def _progress(report: ReportedVm | None) -> str:
    if report is None:
        return ""
    if report.fault is not None:
        return report.fault.message
    return report.detail or (report.state if report.state is not GuestState.RUNNING else "")


async def _say(ctx: StepContext, host_id: str, doing: str, progress: str) -> None:
    """Tell what is waited for: without its agent, nothing happens on a host."""
    name = await reading.host_name(ctx.store, host_id)
    if not await reading.agent_is_active(ctx.store, host_id):
        reason = f"The agent of host {name} is not connected; it has to {doing}"
        ctx.waiting_for(reason, blocked=True)
    else:
        more = f" ({progress})" if progress else ""
        reason = f"The agent of host {name} has yet to {doing}{more}"
        ctx.waiting_for(reason, expected_s=ports_of(ctx).settings.expected_s)


async def _waited(
    ctx: StepContext,
    host_id: str,
    keys: Iterable[str],
    doing: str,
    timeout_s: float,
    check: Check[T],
) -> T:
    found = await until(ctx.store, ctx.clock, [*keys, agent_key(host_id)], timeout_s, check)
    if found is None:
        raise PermanentError(
            "TimedOut",
            f"The agent of host {await reading.host_name(ctx.store, host_id)} "
            f"did not {doing} within {timeout_s:g} s.",
            hint="`helio host show` tells whether its agent answers; then try again.",
            data={"hostId": host_id},
        )
    return found


async def until(
    store: CloudStore, clock: Clock, keys: Iterable[str], timeout_s: float, check: Check[T]
) -> T | None:
    """The first result of ``check`` that isn't ``None``; ``None`` after ``timeout_s``.

    ``check`` is called at once and after each change under ``keys``.
    """
    changed = asyncio.Event()
    since = await store.revision()
    found = await check()
    if found is not None:
        return found
    tasks = [asyncio.create_task(_notice(store, key, since, changed)) for key in keys]
    alarm = asyncio.create_task(clock.sleep(timeout_s))
    for each in (alarm, *tasks):
        each.add_done_callback(lambda _ended: changed.set())
    try:
        while not alarm.done():
            await changed.wait()
            for task in tasks:
                if task.done():
                    task.result()
            changed.clear()
            found = await check()
            if found is not None:
                return found
        return None
    finally:
        for task in (alarm, *tasks):
            task.cancel()
        await asyncio.gather(alarm, *tasks, return_exceptions=True)


async def _notice(store: CloudStore, key: str, since: int, changed: asyncio.Event) -> None:
    """Set ``changed`` at each event; a compacted start only means that something happened."""
    while True:
        try:
            async for event in store.watch(key, since):
                since = event.revision
                changed.set()
        except Compacted:
            since = await store.revision()
            changed.set()
        else:
            raise StoreUnavailable("The store ended a watch: it is being closed.")
