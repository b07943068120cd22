"""The image datastores: where every image is seeded, whatever its replication.

One small document of the site.  Changing it is a task, since copies follow.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.datastore import SITE, Datastore, ImageDatastores
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import DATASTORES, DEPLOYMENT, IMAGE_DATASTORES
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def image_datastore_ids(store: CloudStore) -> frozenset[str]:
    """The ids of the image datastores; none at first."""
    stored = await IMAGE_DATASTORES.get(store, SITE)
    return frozenset(stored.value.datastore_ids if stored is not None else ())


async def image_datastores_update(ports: Ports, caller: Caller, named: Sequence[str]) -> Admission:
    """Make those datastores (ids, or names that one has) the image datastores.

    Raises ``InvalidImageDatastoreSet`` for what is unknown, ambiguous or nothing at all.
    """
    stored = await IMAGE_DATASTORES.get(ports.store, SITE)
    before = stored.value if stored is not None else ImageDatastores()
    refuse_busy("set of image datastores", before)
    chosen = await _chosen(ports.store, named)
    ids = tuple(sorted(each.value.id for each in chosen))
    task = queued(
        ports,
        caller,
        UPDATE_IMAGE_DATASTORES,
        DEPLOYMENT,
        SITE,
        input={"before": list(before.datastore_ids)},
    )
    after = replace(before, datastore_ids=ids, task_id=task.id)
    guard = IMAGE_DATASTORES.guard(stored) if stored else IMAGE_DATASTORES.absent(SITE)
    return Admission(
        task,
        (guard, *(DATASTORES.guard(each) for each in chosen)),
        tuple(IMAGE_DATASTORES.put(after, before if stored else None)),
    )


async def _chosen(store: CloudStore, named: Sequence[str]) -> list[Stored[Datastore]]:
    if not named:
        raise _invalid("At least one datastore has to be named.")
    found: dict[str, Stored[Datastore]] = {}
    for name in named:
        stored = await DATASTORES.get(store, name)
        if stored is None:
            called = await DATASTORES.by_index(store, "name", name)
            if len(called) != 1:
                raise _unclear(name, [each.value.id for each in called])
            stored = called[0]
        found[stored.value.id] = stored
    return [found[id_] for id_ in sorted(found)]


def _unclear(name: str, ids: list[str]) -> PermanentError:
    if not ids:
        return _invalid(f"There is no datastore {name!r}.")
    return _invalid(f"{len(ids)} datastores are called {name!r}: {', '.join(ids)}.")


def _invalid(message: str) -> PermanentError:
    return PermanentError("InvalidImageDatastoreSet", message)


async def _update(ctx: StepContext) -> Done:
    """The admission changed the set; copies follow by themselves, and don't delay this."""
    stored = await IMAGE_DATASTORES.get(ctx.store, SITE)
    if stored is None:
        return Done()
    free = replace(stored.value, task_id="")
    count = len(free.datastore_ids)
    ctx.explain("seeding", f"Images are being copied to {counted(count, 'image datastore')}.")
    return Done(
        changes=IMAGE_DATASTORES.put(free, stored.value), guards=[IMAGE_DATASTORES.guard(stored)]
    )


async def _restore(ctx: StepContext) -> Done:
    stored = await IMAGE_DATASTORES.get(ctx.store, SITE)
    if stored is None:
        return Done()
    ids = tuple(str(each) for each in ctx.task.input["before"])
    before = replace(stored.value, datastore_ids=ids, task_id="")
    return Done(
        changes=IMAGE_DATASTORES.put(before, stored.value), guards=[IMAGE_DATASTORES.guard(stored)]
    )


UPDATE_IMAGE_DATASTORES = Workflow(
    "UPDATE_IMAGE_DATASTORES",
    (StepDefinition("UPDATE_IMAGE_DATASTORES", _update, undo=_restore),),
)
