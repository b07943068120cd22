"""A check-up: every document is read, compared with the others and with what agents see.

Reads only, as of one revision where documents are compared with each other.  It
never fails because of what it finds: a document that can't be read is a finding,
and then only what needs no other document is looked into.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from heliostat.agentlink.messages import Reported
from heliostat.cloudstore.contract import CloudStore, Document
from heliostat.cloudstore.documents import Kind, decode
from heliostat.controller.chores.contract import RECORDS
from heliostat.controller.chores.reservations import find as find_stale
from heliostat.controller.doctor.finding import Area, Checkup, Finding
from heliostat.controller.doctor.guests import Sight, Thing, differences
from heliostat.controller.doctor.mends import mends
from heliostat.controller.model.desired import DESIRED, REPORTED, agent_key
from heliostat.controller.model.image import Image, ImageState
from heliostat.controller.model.invariants import World, violations
from heliostat.controller.workflows import kinds
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.audit import INDEXED, read_world
from heliostat.core.errors import HeliostatError
from heliostat.tasks.follow import snapshot
from heliostat.tasks.model import Task, open_key, task_key

_KINDS: tuple[Kind[Any], ...] = (
    *INDEXED,
    kinds.BULK_ITEMS,
    kinds.RESERVATIONS,
    kinds.DATASTORE_RESERVATIONS,
    kinds.SEPARATIONS,
    kinds.SYSTEM,
    kinds.SUBNETS,
    RECORDS,
)
_BROKEN_STORE = "Restore a copy with `helio restore`, or delete the document with a newer version."


async def check_up(ports: Ports) -> Checkup:
    """Everything that is wrong now, and what repairing would do."""
    store = ports.store
    revision = await store.revision()
    documents, unreadable = await _unreadable(store)
    tasks = [each async for each in _tasks(store)]
    if unreadable:
        return Checkup(
            revision=revision, documents=documents, findings=(*unreadable, *tasks), repairs=()
        )
    world = await read_world(store)
    findings = [
        *(Finding(area=Area.BOOKS, message=each) for each in violations(world)),
        *differences(await _sight(store, world)),
        *_lost_content(ports, world.images.values()),
        *tasks,
    ]
    repairs = [mend.message async for mend in mends(store)]
    stale = [f"Withdraw: {sentence}" for sentence in await find_stale(ports)]
    return Checkup(
        revision=revision,
        documents=documents,
        findings=tuple(findings),
        repairs=(*repairs, *stale),
    )


async def _unreadable(store: CloudStore) -> tuple[int, list[Finding]]:
    """How many documents there are of the known kinds, and those that are none."""
    count, found = 0, []
    for kind in _KINDS:
        documents, _ = await snapshot(store, kind.prefix)
        count += len(documents)
        for document in documents:
            fault = _fault(kind, document)
            if fault:
                found.append(Finding(area=Area.STORE, message=fault, hint=_BROKEN_STORE))
    return count, found


def _fault(kind: Kind[Any], document: Document) -> str:
    try:
        decode(kind.type, document)
    except HeliostatError as error:
        return error.message
    return ""


async def _sight(store: CloudStore, world: World) -> Sight:
    asked, _ = await snapshot(store, DESIRED)
    reported, _ = await snapshot(store, REPORTED)
    agents, _ = await snapshot(store, agent_key(""))
    return Sight(
        hosts=world.hosts,
        vms=world.vms,
        connected=frozenset(each.key.removeprefix(agent_key("")) for each in agents),
        asked={_thing(each.key, DESIRED): each.revision for each in asked},
        reported={
            _thing(each.key, REPORTED): msgspec.json.decode(each.value, type=Reported)
            for each in reported
        },
    )


def _thing(key: str, prefix: str) -> Thing:
    host_id, kind, id_ = key.removeprefix(prefix).split("/", 2)
    return host_id, kind, id_


def _lost_content(ports: Ports, images: Iterable[Image]) -> list[Finding]:
    return [
        Finding(
            area=Area.CONTENT,
            message=f"The image {image.name} ({image.id}) is {image.state}, but its file "
            f"{image.digest[:16]} is not stored here.",
            hint="Upload the image again under another name and delete this one.",
        )
        for image in images
        if image.state is ImageState.READY and not ports.blobs.exists(image.digest)
    ]


async def _tasks(store: CloudStore) -> AsyncIterator[Finding]:
    documents, _ = await snapshot(store, open_key(""))
    for entry in documents:
        task_id = entry.key.removeprefix(open_key(""))
        document = await store.get(task_key(task_id))
        if document is None:
            continue  # ended and forgotten since the list was read
        try:
            task = decode(Task, document)
        except HeliostatError as error:
            yield Finding(area=Area.STORE, message=error.message, hint=_BROKEN_STORE)
            continue
        if task.stalled is not None:
            yield Finding(
                area=Area.TASKS,
                message=f"The task {task.id} ({task.operation} of {task.entity_kind} "
                f"{task.entity_id}) makes no progress: {task.stalled.reason}",
                hint=f"Choose one of {', '.join(task.stalled.actions)}: `helio task --help`.",
            )
