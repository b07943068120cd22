"""Creating many VMs or disks by one decision, with one charge and one answer.

All are admitted or none.  What is decided waits in a document until it is made,
a few a commit; the part of the charge that nothing exists for yet stands in the
bulk's document, so the books are right at every moment.  The umbrella task names
the tasks of all; if one of them fails all are taken back, unless asked to keep
those that succeed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from heliostat.cloudstore.contract import MAX_CHANGES, MAX_COMMIT_BYTES, Change, Guard, Put
from heliostat.cloudstore.documents import Stored, encode
from heliostat.controller.model.bulk import Bulk, BulkItem, BulkItems, BulkNoun, check_names
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.quantity import CostItem, total
from heliostat.controller.model.vm import VmSpec
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.bulk_delete import take_back
from heliostat.controller.workflows.children import all_ended, failure
from heliostat.controller.workflows.disk_create import disk_draft
from heliostat.controller.workflows.kinds import (
    BULK_ITEMS,
    BULKS,
    DISK,
    DISKS,
    FLAVORS,
    IMAGES,
    PROJECT_KIND,
    PROJECTS,
    VM,
    VMS,
)
from heliostat.controller.workflows.ledger import charge_project, release_project
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.vm_create import vm_draft
from heliostat.core.errors import PermanentError
from heliostat.tasks.admit import changes_for
from heliostat.tasks.model import (
    Done,
    Problem,
    StepContext,
    StepDefinition,
    Task,
    Workflow,
)

MOST_BYTES = MAX_COMMIT_BYTES * 3 // 4
SPARE_CHANGES = 4
PATIENCE_S = 10.0
"""After this the umbrella shows how far its tasks are, and lends its place to them."""


@dataclass(frozen=True, slots=True)
class _Drafts:
    """All items with what their commit guards, and their warnings."""

    items: tuple[BulkItem, ...]
    texts: tuple[str, ...]
    guards: tuple[Guard, ...]
    warnings: tuple[Problem, ...]


async def create_vms(
    ports: Ports, caller: Caller, project_id: str, specs: Sequence[VmSpec], *, keep: bool
) -> Admission:
    """VMs in CREATING, or none of them; ``keep`` those that succeed if others fail."""
    check_names([spec.name for spec in specs])
    project = await reading.project(ports.store, project_id)
    drafts = [await vm_draft(ports, caller, project.value, spec) for spec in specs]
    texts = tuple(dict.fromkeys(draft.vm.user_data for draft in drafts if draft.vm.user_data))
    items = tuple(
        BulkItem(
            task=_raw(draft.task),
            vm=replace(draft.vm, user_data=""),
            user_data=texts.index(draft.vm.user_data) if draft.vm.user_data else -1,
        )
        for draft in drafts
    )
    guards = _once(guard for draft in drafts for guard in draft.guards)
    warnings = {each.message: each for draft in drafts for each in draft.warnings}
    found = _Drafts(items, texts, guards, tuple(warnings.values()))
    return await _admit(ports, caller, CREATE_VMS, BulkNoun.VM, project_id, found, keep=keep)


async def create_disks(
    ports: Ports, caller: Caller, project_id: str, specs: Sequence[DiskSpec], *, keep: bool
) -> Admission:
    """Persistent disks in CREATING, or none of them."""
    check_names([spec.name for spec in specs])
    project = await reading.project(ports.store, project_id)
    drafts = [await disk_draft(ports, caller, project.value, spec) for spec in specs]
    items = tuple(BulkItem(task=_raw(draft.task), disk=draft.disk) for draft in drafts)
    guards = _once(guard for draft in drafts for guard in draft.guards)
    found = _Drafts(items, (), guards, ())
    return await _admit(ports, caller, CREATE_DISKS, BulkNoun.DISK, project_id, found, keep=keep)


async def _admit(
    ports: Ports,
    caller: Caller,
    workflow: Workflow,
    noun: BulkNoun,
    project_id: str,
    drafts: _Drafts,
    *,
    keep: bool,
) -> Admission:
    project = await reading.project(ports.store, project_id)
    refuse_busy("project", project.value)
    tenant_id = project.value.tenant_id
    pending = _cost(drafts.items)
    entry = await charge_project(ports.store, tenant_id, project_id, pending, ports.clock.now_ms())
    named = [_named(item) for item in drafts.items]
    task = queued(
        ports,
        caller,
        workflow,
        PROJECT_KIND,
        project_id,
        tenant_id=tenant_id,
        project_id=project_id,
        input={
            "keep": keep,
            "entities": [each["id"] for each in named],
            "tasks": [each["taskId"] for each in named],
        },
        warnings=drafts.warnings,
    )
    task.resource_properties = {"items": named}
    bulk = Bulk(
        id=task.id,
        tenant_id=tenant_id,
        project_id=project_id,
        noun=noun,
        count=len(drafts.items),
        made=0,
        pending=pending,
    )
    items = BulkItems(id=task.id, items=drafts.items, texts=drafts.texts)
    _refuse_large(items)
    return Admission(
        task=task,
        guards=(PROJECTS.guard(project), *drafts.guards, *entry.guards),
        changes=(*BULKS.put(bulk), *BULK_ITEMS.put(items), *entry.changes),
        quota=entry.charges,
        warnings=drafts.warnings,
    )


async def _make(ctx: StepContext) -> Done:
    """Let items exist, as many a commit as it has room for, in their order."""
    while True:
        stored = await BULKS.get(ctx.store, ctx.task.id)
        if stored is None:  # an earlier run of this step made all, then was interrupted
            return Done()
        items = await BULK_ITEMS.get(ctx.store, ctx.task.id)
        if items is None:
            raise PermanentError("InternalError", f"The bulk {ctx.task.id} has lost its items.")
        bulk = stored.value
        ctx.waiting_for(f"{bulk.made} of {bulk.noun.counted(bulk.count)} are admitted")
        ctx.progressed(bulk.made, bulk.count)
        left = items.value.items[bulk.made :]
        if not left:
            return Done(
                guards=[BULKS.guard(stored)],
                changes=[*BULKS.delete(bulk), *BULK_ITEMS.delete(items.value)],
            )
        batch, changes = _batch(items.value, left)
        after = replace(bulk, made=bulk.made + len(batch), pending=_cost(left[len(batch) :]))
        guards = [BULKS.guard(stored), *await _foundations(ctx, batch)]
        await ctx.commit(guards, [*BULKS.put(after, bulk), *changes])


async def _unmake(ctx: StepContext) -> Done:
    """What was not made yet is given back at once; what was made is deleted."""
    stored = await BULKS.get(ctx.store, ctx.task.id)
    if stored is not None:
        await _give_back(ctx, stored)
    noun = VM if ctx.task.operation == CREATE_VMS.operation else DISK
    kept = await take_back(ctx, noun, ctx.task.input["entities"], ctx.task.input["tasks"])
    return Done(warnings=kept)


async def _await(ctx: StepContext) -> Done:
    task_ids = ctx.task.input["tasks"]
    ended = await all_ended(ctx, task_ids, "Waiting for what was asked for")
    error = failure(ended, "could not be created", len(task_ids))
    if error is None:
        return Done()
    if not ctx.task.input["keep"]:
        raise error
    return Done(warnings=[Problem.of(error)])


async def _give_back(ctx: StepContext, stored: Stored[Bulk]) -> None:
    bulk = stored.value
    entry = await release_project(
        ctx.store, bulk.tenant_id, bulk.project_id, bulk.pending, ctx.clock.now_ms()
    )
    changes: list[Change] = [*BULKS.delete(bulk), *entry.changes]
    items = await BULK_ITEMS.get(ctx.store, bulk.id)
    if items is not None:
        changes.extend(BULK_ITEMS.delete(items.value))
    await ctx.commit([BULKS.guard(stored), *entry.guards], changes)


async def _foundations(ctx: StepContext, batch: Sequence[BulkItem]) -> list[Guard]:
    """Guards on images and flavors, which may have gone since the admission."""
    store = ctx.store
    image_ids = {item.vm.image_id for item in batch if item.vm is not None}
    flavor_ids = {item.disk.flavor_id for item in batch if item.disk is not None}
    for item in batch:
        if item.vm is not None:
            flavor_ids |= {item.vm.flavor_id, *(disk.flavor_id for disk in item.vm.disks)}
    images = [IMAGES.guard(await reading.image(store, each)) for each in sorted(image_ids)]
    flavors = [FLAVORS.guard(await reading.flavor(store, each)) for each in sorted(flavor_ids)]
    return [*images, *flavors]


def _batch(items: BulkItems, left: Sequence[BulkItem]) -> tuple[Sequence[BulkItem], list[Change]]:
    """As many of the items as one commit has room for, and their changes."""
    changes: list[Change] = []
    size = 0
    for number, item in enumerate(left):
        own = _changes(items, item)
        size += sum(len(change.value) for change in own if isinstance(change, Put))
        full = len(changes) + len(own) > MAX_CHANGES - SPARE_CHANGES or size > MOST_BYTES
        if full and number:
            return left[:number], changes
        changes += own
    return left, changes


def _changes(items: BulkItems, item: BulkItem) -> list[Change]:
    task = changes_for(msgspec.json.decode(item.task, type=Task))
    if item.disk is not None:
        return [*DISKS.put(item.disk), *task]
    if item.vm is None:
        raise PermanentError("InternalError", f"The bulk {items.id} has an item that is nothing.")
    text = items.texts[item.user_data] if item.user_data >= 0 else ""
    return [*VMS.put(replace(item.vm, user_data=text)), *task]


def _cost(items: Iterable[BulkItem]) -> tuple[CostItem, ...]:
    return total(tuple(line for item in items for line in item.cost))


def _named(item: BulkItem) -> dict[str, Any]:
    found = item.vm or item.disk
    if found is None:
        raise PermanentError("InternalError", "A bulk has an item that is nothing.")
    return {"id": found.id, "name": found.name, "taskId": found.task_id}


def _raw(task: Task) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(task))


def _once(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    return tuple(dict.fromkeys(guards))


def _refuse_large(items: BulkItems) -> None:
    size = len(encode(items))
    if size > MOST_BYTES:
        raise PermanentError(
            "RequestTooLarge",
            f"What is asked for takes {size} bytes; together at most {MOST_BYTES} are possible.",
            hint="Ask for fewer at a time, or shorten what each of them carries.",
        )


def _workflow(operation: str, make: str, wait: str) -> Workflow:
    steps = (
        StepDefinition(make, _make, undo=_unmake, expected_s=60.0),
        StepDefinition(wait, _await, expected_s=PATIENCE_S),
    )
    return Workflow(operation, steps)


CREATE_VMS = _workflow("BULK_CREATE_VMS", "ADMIT_VMS", "AWAIT_VMS")
CREATE_DISKS = _workflow("BULK_CREATE_DISKS", "ADMIT_DISKS", "AWAIT_DISKS")
