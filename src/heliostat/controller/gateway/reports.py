"""What agents report, kept as documents under ``/v1/reported/<host>/``.

Only differences are written: an agent that says the same again costs no commit.
Every commit carries the fence of the host's lease, so a session that was
replaced can't overwrite what its successor said.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.agentlink.messages import (
    Report,
    Reported,
    ReportedCapture,
    ReportedDisk,
    ReportedVm,
    capture_key,
    disk_key,
    image_key,
    vm_key,
)
from heliostat.cloudstore.contract import Change, CloudStore, Delete, Guard, Put
from heliostat.controller.model.desired import reported_prefix

BATCH = 50
_encoder = msgspec.json.Encoder()


async def keep(store: CloudStore, host_id: str, report: Report, guards: Sequence[Guard]) -> None:
    """Write what a report changes; a full report also removes what it doesn't name.

    Raises ``GuardFailed`` when the session was replaced.
    """
    prefix = reported_prefix(host_id)
    known = await (_all_known(store, prefix) if report.full else _known(store, prefix, report))
    changes = differences(prefix, known, report)
    for start in range(0, len(changes), BATCH):
        await store.commit(guards, changes[start : start + BATCH])


def differences(prefix: str, known: dict[str, bytes], report: Report) -> list[Change]:
    """The changes that make the documents ``known`` say what ``report`` says."""
    told = {prefix + _key(item): _encoder.encode(item) for item in report.items}
    changes: list[Change] = [
        Put(key, value) for key, value in told.items() if known.get(key) != value
    ]
    gone = {prefix + key for key in report.gone}
    if report.full:
        gone |= known.keys() - told.keys()
    changes.extend(Delete(key) for key in sorted(gone & known.keys() - told.keys()))
    return changes


async def _known(store: CloudStore, prefix: str, report: Report) -> dict[str, bytes]:
    """What is known of what the report names."""
    keys = [*(_key(item) for item in report.items), *report.gone]
    documents = [await store.get(prefix + key) for key in keys]
    return {each.key: each.value for each in documents if each is not None}


async def _all_known(store: CloudStore, prefix: str) -> dict[str, bytes]:
    known: dict[str, bytes] = {}
    page = await store.list(prefix)
    known.update((each.key, each.value) for each in page.items)
    while page.after is not None:
        page = await store.list(prefix, after=page.after)
        known.update((each.key, each.value) for each in page.items)
    return known


def _key(item: Reported) -> str:
    if isinstance(item, ReportedVm):
        return vm_key(item.id)
    if isinstance(item, ReportedDisk):
        return disk_key(item.id)
    if isinstance(item, ReportedCapture):
        return capture_key(item.id)
    return image_key(item.digest, item.datastore)
