"""How the parts of the site are: the store, task workers, content and agents.

Each part is asked for what it would need to work, now, and one that can't be
asked is told of, never raised: a status page that fails says nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable

from heliostat.cloudstore.contract import lease_key
from heliostat.content.blobs import Blobs
from heliostat.controller.api.call import Call
from heliostat.controller.model.host import HostState
from heliostat.controller.workflows import reading
from heliostat.core.errors import HeliostatError
from heliostat.core.units import GIB
from heliostat.tasks.indexes import OPEN_PREFIX
from heliostat.wire import system as wire

READY, ERROR, PARTIAL_ERROR = "READY", "ERROR", "PARTIAL_ERROR"
UNREACHABLE = "UNREACHABLE"
LOW_SHARE, LOW_BYTES = 0.05, GIB
_WORKERS = lease_key("worker/")


async def components(call: Call) -> list[wire.Component]:
    """Every part with its state."""
    return [await _told(call, name, look) for name, look in _PARTS]


def overall(parts: list[wire.Component]) -> str:
    """The state of the whole: as bad as a controller that fails, or partly bad."""
    states = {each.status for each in parts}
    if parts and parts[0].status == ERROR:
        return ERROR
    return PARTIAL_ERROR if states - {READY} else READY


async def _told(
    call: Call, name: str, look: Callable[[Call, str], Awaitable[wire.Component]]
) -> wire.Component:
    try:
        return await look(call, name)
    except HeliostatError as error:
        return _component(name, ERROR, error.message)


async def _controller(call: Call, name: str) -> wire.Component:
    status, message, stats = READY, "", {}
    try:
        stats = {"storeRevision": str(await call.store.revision())}
    except HeliostatError as error:
        status, message = ERROR, error.message
    instance = wire.ComponentInstance(address=call.request.host, status=status, message=message)
    return _component(name, status, message, stats, [instance])


async def _tasks(call: Call, name: str) -> wire.Component:
    """Whether anybody runs tasks; how many wait or are under way (at most 1,000 are counted)."""
    workers = await call.store.list(_WORKERS)
    waiting = await call.store.list(OPEN_PREFIX)
    count = f"{len(waiting.items)}{'+' if waiting.after is not None else ''}"
    stats = {"workers": str(len(workers.items)), "open": count}
    if waiting.items and not workers.items:
        return _component(name, ERROR, f"No worker runs, and {count} tasks wait.", stats)
    return _component(name, READY, "", stats)


async def _content(call: Call, name: str) -> wire.Component:
    status, message, stats = await asyncio.to_thread(_look_at, call.ports.blobs)
    return _component(name, status, message, stats)


def _look_at(blobs: Blobs) -> tuple[str, str, dict[str, str]]:
    try:
        usage = shutil.disk_usage(blobs.root)
    except OSError as error:
        return ERROR, f"The content can't be read: {error.strerror}.", {}
    stats = {"freeBytes": str(usage.free), "totalBytes": str(usage.total)}
    if not os.access(blobs.staging_path, os.W_OK):
        return ERROR, "The content can't be written to.", stats
    if usage.free < min(LOW_BYTES, LOW_SHARE * usage.total):
        return PARTIAL_ERROR, f"Only {usage.free / GIB:.1f} GiB are free for images.", stats
    return READY, "", stats


async def _agents(call: Call, name: str) -> wire.Component:
    """How many agents answer; which hosts they are on is for administrators."""
    store, instances = call.store, []
    for host in await reading.hosts(store):
        if host.state is HostState.NOT_PROVISIONED:
            continue
        active = await reading.agent_is_active(store, host.id)
        message = "" if active else "The agent is not connected."
        status = READY if active else UNREACHABLE
        instances.append(
            wire.ComponentInstance(address=host.address, status=status, message=message)
        )
    missing = sum(each.status != READY for each in instances)
    return _component(
        name,
        PARTIAL_ERROR if missing else READY,
        f"{missing} of {len(instances)} agents are not connected." if missing else "",
        {"agents": str(len(instances)), "missing": str(missing)},
        instances if call.caller.is_system_admin else [],
    )


def _component(
    name: str,
    status: str,
    message: str,
    stats: dict[str, str] | None = None,
    instances: list[wire.ComponentInstance] | None = None,
) -> wire.Component:
    return wire.Component(
        component=name,
        status=status,
        message=message,
        stats=stats or {},
        instances=instances or [],
    )


_PARTS = (
    ("PHOTON_CONTROLLER", _controller),  # the name that existing clients look for
    ("TASKS", _tasks),
    ("CONTENT", _content),
    ("AGENTS", _agents),
)
