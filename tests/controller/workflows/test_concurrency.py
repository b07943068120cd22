"""Several people at the same moment, on the durable store: the books stay right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.cloudstore.contract import Put
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.controller.model.quota import OwnerKind, QuotaLimit
from heliostat.controller.workflows import flavor, image, project, quota, reading, tenant, vm
from heliostat.controller.workflows.admission import Admission, Ports
from heliostat.controller.workflows.audit import audit
from heliostat.controller.workflows.commit import perform
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.units import Unit
from heliostat.testing.cloud import ADMIN, SmallCloud

Verb = Callable[..., Awaitable[Admission]]


@asynccontextmanager
async def durable(
    tmp_path: Path, *, with_vm: bool = False
) -> AsyncIterator[tuple[SmallCloud, Ports]]:
    """A furnished cloud whose documents were put into a SQLite store, and ports to that."""
    clock = SystemClock()
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    async with SmallCloud(tmp_path) as plain:
        await plain.furnish(hosts=1)
        if with_vm:
            await plain.done(vm.vm_create, plain.ids["project"], plain.vm_spec("one"))
        page = await plain.store.list("/", limit=1000)
        for each in page.items:
            if not each.key.startswith("/lease/"):
                await store.commit([], [Put(each.key, each.value)])
        yield plain, replace(plain.ports, store=store, clock=clock)
        assert await audit(store) == []
    await store.close()


async def outcomes(ports: Ports, *calls: tuple[Verb, tuple[object, ...]]) -> list[str]:
    """What each of ``calls``, all made at once, came to: ``done`` or an error's code."""

    async def one(verb: Verb, arguments: tuple[object, ...]) -> str:
        try:
            await perform(ports, lambda: verb(ports, ADMIN, *arguments))
        except HeliostatError as error:
            return error.code
        return "done"

    return await asyncio.gather(*(one(verb, arguments) for verb, arguments in calls))


async def test_a_limit_holds_however_many_ask_at_once(tmp_path: Path) -> None:
    async with durable(tmp_path) as (plain, ports):
        project_id = plain.ids["project"]
        limit = {"vm.cpu": QuotaLimit(limit=10, unit=Unit.COUNT)}
        await perform(
            ports, lambda: quota.quota_set(ports, ADMIN, OwnerKind.PROJECT, project_id, limit)
        )
        calls = [(vm.vm_create, (project_id, plain.vm_spec(f"vm-{n}"))) for n in range(40)]
        ended = await outcomes(ports, *calls)
        made = await reading.vms(ports.store, project_id)
        cpus = made[0].cpu_count
        assert ended.count("done") == len(made) == 10 // cpus
        assert set(ended) == {"done", "QuotaError"}
        with pytest.raises(HeliostatError) as raised:
            await vm.vm_create(ports, ADMIN, project_id, plain.vm_spec("more"))
        assert {"key", "limit", "usage", "newUsage", "asked"} <= raised.value.data.keys()
        assert "vm.cpu" in raised.value.message


@pytest.mark.parametrize(
    "verbs",
    [
        (vm.vm_start, vm.vm_delete),
        (vm.vm_start,) * 10,
        (vm.vm_delete, vm.vm_delete),
        (vm.vm_start, vm.vm_set_metadata, vm.vm_delete),
    ],
)
async def test_one_of_several_writers_on_a_vm_goes_first(
    verbs: tuple[Verb, ...], tmp_path: Path
) -> None:
    async with durable(tmp_path, with_vm=True) as (plain, ports):
        (one,) = await reading.vms(ports.store, plain.ids["project"])
        calls = [
            (verb, (one.id, {"a": "b"}) if verb is vm.vm_set_metadata else (one.id,))
            for verb in verbs
        ]
        ended = await outcomes(ports, *calls)
        lasting = [
            end for end, verb in zip(ended, verbs, strict=True) if verb is not vm.vm_set_metadata
        ]
        assert lasting.count("done") == 1
        assert set(ended) <= {"done", "ConcurrentTask"}


@pytest.mark.parametrize("late", [False, True])
async def test_what_is_used_is_not_deleted_at_the_same_moment(late: bool, tmp_path: Path) -> None:
    async with durable(tmp_path) as (plain, ports):
        project_id, tenant_id = plain.ids["project"], plain.ids["tenant"]
        use = (vm.vm_create, (project_id, plain.vm_spec("one")))
        remove = (project.project_delete, (project_id,))
        ended = await outcomes(ports, *((use, remove) if late else (remove, use)))
        assert sorted(ended)[-1] == "done"
        assert ended.count("done") == 1
        ended = await outcomes(
            ports,
            (tenant.tenant_delete, (tenant_id,)),
            (project.project_create, (tenant_id, "other", (), None, None)),
        )
        assert ended.count("done") == 1


async def test_flavors_and_images_in_use_stay_until_their_last_user_goes(tmp_path: Path) -> None:
    async with durable(tmp_path) as (plain, ports):
        spec = plain.vm_spec("one")
        flavors = await reading.flavors(ports.store, name=spec.flavor)
        await outcomes(
            ports,
            (vm.vm_create, (plain.ids["project"], spec)),
            (flavor.flavor_delete, (flavors[0].id,)),
            (image.image_delete, (spec.source_image_id,)),
        )
        for made in await reading.vms(ports.store, plain.ids["project"]):
            assert (await reading.flavor(ports.store, made.flavor_id)).value
            assert (await reading.image(ports.store, made.image_id)).value
