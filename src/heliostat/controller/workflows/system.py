"""Verbs of the site: pause, resume, who administers it, settings at run time.

All of it is one document, so every controller obeys the same, a controller that
starts finds it, and a crash leaves the old state or the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.names import check_groups
from heliostat.controller.model.system import SITE, System, SystemState
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import DEPLOYMENT, SYSTEM
from heliostat.controller.workflows.properties import checked_properties
from heliostat.controller.workflows.requests import completed

_OPERATIONS = {
    SystemState.PAUSED: "PAUSE_SYSTEM",
    SystemState.BACKGROUND_PAUSED: "PAUSE_BACKGROUND_TASKS",
    SystemState.READY: "RESUME_SYSTEM",
}


async def system(store: CloudStore) -> System:
    """The site as it is; one that nobody has changed is READY."""
    stored = await SYSTEM.get(store, SITE)
    return stored.value if stored is not None else System()


async def chores_rest(store: CloudStore) -> bool:
    """Whether background work is paused."""
    return not (await system(store)).state.lets_chores_run


async def system_pause(ports: Ports, caller: Caller) -> Admission:
    """Answer nothing but reading from now on; tasks under way go on to their end."""
    return await _switch(ports, caller, SystemState.PAUSED)


async def system_pause_background(ports: Ports, caller: Caller) -> Admission:
    """Begin no background work; everything is answered."""
    return await _switch(ports, caller, SystemState.BACKGROUND_PAUSED)


async def system_resume(ports: Ports, caller: Caller) -> Admission:
    """Answer everything, and work in the background, again."""
    return await _switch(ports, caller, SystemState.READY)


async def system_set_security_groups(
    ports: Ports, caller: Caller, groups: Iterable[str]
) -> Admission:
    """Let exactly these groups administer the site, beside the built-in one."""
    checked = check_groups(groups)
    return await _change(ports, caller, "SET_SECURITY_GROUPS", {"security_groups": checked})


async def system_update_properties(
    ports: Ports, caller: Caller, changes: Mapping[str, Any]
) -> Admission:
    """Change settings at run time; ``None`` puts back what the settings file says."""
    before = (await system(ports.store)).properties
    merged = {**before, **changes}
    kept = {name: value for name, value in merged.items() if value is not None}
    checked_properties(ports.settings_at_start, kept, changes)
    return await _change(ports, caller, "UPDATE_SYSTEM_PROPERTIES", {"properties": kept})


async def _switch(ports: Ports, caller: Caller, state: SystemState) -> Admission:
    fields = {
        "state": state,
        "since_ms": ports.clock.now_ms(),
        "changed_by": caller.subject,
    }
    return await _change(ports, caller, _OPERATIONS[state], fields)


async def _change(
    ports: Ports, caller: Caller, operation: str, fields: Mapping[str, Any]
) -> Admission:
    stored = await SYSTEM.get(ports.store, SITE)
    before = stored.value if stored is not None else System()
    after = replace(before, **fields)
    return Admission(
        task=completed(ports, caller, operation, DEPLOYMENT, SITE),
        guards=(_guard(stored),),
        changes=tuple(SYSTEM.put(after, before)),
    )


def _guard(stored: Stored[System] | None) -> Guard:
    return SYSTEM.guard(stored) if stored is not None else SYSTEM.absent(SITE)
