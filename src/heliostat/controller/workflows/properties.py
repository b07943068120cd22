"""Settings that may change while controllers run, and how they take hold.

They are those of the settings file's table ``[workflows]``, under the same names.
Each controller follows the site's document and puts file and changes together;
whatever begins after that uses the new values.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import CloudStore, Compacted
from heliostat.cloudstore.documents import decode
from heliostat.controller.model.system import SITE, System
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import SYSTEM
from heliostat.controller.workflows.settings import WorkflowSettings
from heliostat.core.settings import InvalidSetting, documented, with_setting

TABLE = "workflows."
SOURCE = "properties"


@dataclass(frozen=True, slots=True)
class Property:
    """A setting: what the file (or its default) says, what holds now, and what it is for."""

    name: str
    from_file: Any
    value: Any
    summary: str


def properties_of(from_file: WorkflowSettings, changes: Mapping[str, Any]) -> list[Property]:
    """Every setting that may be changed."""
    now = dict(_values(with_changes(from_file, changes), TABLE))
    return [
        Property(name, value, now[name][0], summary)
        for name, (value, summary) in _values(from_file, TABLE)
    ]


def with_changes(from_file: WorkflowSettings, changes: Mapping[str, Any]) -> WorkflowSettings:
    """The settings that hold; raises ``InvalidSetting``."""
    settings = from_file
    for name, value in sorted(changes.items()):
        if not name.startswith(TABLE):
            raise InvalidSetting(
                SOURCE,
                f"{name} can't be changed while controllers run.",
                f"Settings of [{TABLE[:-1]}] can; others stand in the settings file.",
            )
        settings = with_setting(settings, name.removeprefix(TABLE), value, SOURCE)
    return settings


def checked_properties(
    from_file: WorkflowSettings, kept: Mapping[str, Any], asked: Mapping[str, Any]
) -> None:
    """Raise ``InvalidSetting`` for the first change that is unknown, of a wrong kind or absurd."""
    known = dict(_values(from_file, TABLE))
    for name, value in asked.items():
        with_changes(from_file, {name: known[name][0] if name in known else value})
        if isinstance(value, int | float) and not isinstance(value, bool):
            _refuse_absurd(name, value)
    with_changes(from_file, kept)


def _refuse_absurd(name: str, value: float) -> None:
    weightless = name.rpartition(".")[2].startswith("weight_") and value == 0
    if not weightless and not (math.isfinite(value) and value > 0):
        raise InvalidSetting(SOURCE, f"{name} can't be {value:g}; it is a number above 0.")


def _values(settings: Any, prefix: str) -> Iterator[tuple[str, tuple[Any, str]]]:
    for field, summary in documented(type(settings)):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _values(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", (value, summary)


async def follow_properties(ports: Ports) -> None:
    """Let the settings of this process follow the site's document, until cancelled."""
    while True:
        revision = await ports.store.revision()
        await _take(ports, ports.store)
        try:
            async for event in ports.store.watch(SYSTEM.key(SITE), revision):
                if event.value is not None:
                    await _take(ports, ports.store)
        except Compacted:
            continue


async def _take(ports: Ports, store: CloudStore) -> None:
    document = await store.get(SYSTEM.key(SITE))
    changes = decode(System, document).properties if document is not None else {}
    known = dict(_values(ports.settings_at_start, TABLE))
    kept = {name: value for name, value in changes.items() if name in known}
    settings = with_changes(ports.settings_at_start, kept)
    if settings != ports.settings:
        ports.use(settings)
