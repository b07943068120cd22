"""Copies of images: asked for, taken over, healed; and the set of image datastores."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.agentlink.messages import Desired, DesiredImage, Fault, HostDatastore
from heliostat.cloudstore.contract import Delete, Put
from heliostat.cloudstore.documents import decode
from heliostat.controller.model.desired import desired_prefix
from heliostat.controller.model.image import Replication
from heliostat.controller.workflows.image_datastores import (
    image_datastore_ids,
    image_datastores_update,
)
from heliostat.controller.workflows.kinds import IMAGES
from heliostat.controller.workflows.observation import observe
from heliostat.controller.workflows.system import system_pause_background, system_resume
from heliostat.core.errors import HeliostatError
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.hosts import some_datastore, some_facts


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as made, _observed(made):
        yield made


@contextlib.asynccontextmanager
async def _observed(cloud: SmallCloud) -> AsyncIterator[None]:
    watching = asyncio.create_task(observe(cloud.store, cloud.clock))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _host(cloud: SmallCloud, number: int, *datastores: HostDatastore) -> str:
    return await cloud.add_host(f"10.0.0.{number}", facts=some_facts(datastores=datastores))


async def _asked(cloud: SmallCloud, host_id: str) -> list[str]:
    """The datastores in which a host shall have an image."""
    await cloud.clock.advance(5)
    page = await cloud.store.list(f"{desired_prefix(host_id)}image/")
    return [decode(DesiredImage, each).datastore for each in page.items]


async def test_eager_images_are_asked_of_each_datastore_once(cloud: SmallCloud) -> None:
    shared = some_datastore("shared")
    one = await _host(cloud, 1, some_datastore("a"), shared)
    await cloud.add_image("eager", Replication.EAGER)
    await cloud.add_image("lazy", Replication.ON_DEMAND)
    two = await _host(cloud, 2, some_datastore("b"), shared, some_datastore("out", available=False))
    assert await _asked(cloud, one) == ["a", "shared"]
    assert await _asked(cloud, two) == ["b"]


async def test_a_host_that_went_away_is_replaced(cloud: SmallCloud) -> None:
    one = await _host(cloud, 1, some_datastore("shared"))
    two = await _host(cloud, 2, some_datastore("shared"))
    await cloud.add_image("eager", Replication.EAGER)
    first, second = (one, two) if await _asked(cloud, one) else (two, one)
    await cloud.agents[first].cut()
    assert await _asked(cloud, second) == ["shared"]
    assert await _asked(cloud, first) == []


async def test_image_datastores_get_images_on_demand_too(cloud: SmallCloud) -> None:
    one = await _host(cloud, 1, some_datastore("a", name="seeds"), some_datastore("b"))
    await cloud.add_image("lazy", Replication.ON_DEMAND)
    assert await _asked(cloud, one) == []
    await cloud.done(image_datastores_update, ["seeds"])
    assert await image_datastore_ids(cloud.store) == {"a"}
    assert await _asked(cloud, one) == ["a"]
    await cloud.done(image_datastores_update, ["b"])
    assert await _asked(cloud, one) == ["b"]
    await cloud.check()


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ([], "At least one"),
        (["nowhere"], "no datastore 'nowhere'"),
        (["local"], "2 datastores are called 'local': a, b"),
    ],
)
async def test_bad_sets_of_image_datastores(
    cloud: SmallCloud, named: list[str], sentence: str
) -> None:
    await _host(cloud, 1, some_datastore("a"))
    await _host(cloud, 2, some_datastore("b"))
    with pytest.raises(HeliostatError, match=sentence) as found:
        await cloud.ask(image_datastores_update, named)
    assert found.value.code == "InvalidImageDatastoreSet"


async def test_a_full_datastore_delays_neither_image_nor_other_copies(cloud: SmallCloud) -> None:
    def full(item: Desired) -> Fault | None:
        refused = isinstance(item, DesiredImage) and item.datastore == "a"
        return Fault(code="DiskFull", message="Full.", permanent=True) if refused else None

    one = await _host(cloud, 1, some_datastore("a"), some_datastore("b"))
    cloud.agents[one].refuses = full
    await cloud.add_image("eager", Replication.EAGER)
    assert await _asked(cloud, one) == ["a", "b"]
    await cloud.furnish(hosts=0)
    await cloud.add_vm()


async def test_nothing_is_asked_for_while_background_work_is_paused(cloud: SmallCloud) -> None:
    one = await _host(cloud, 1, some_datastore("a"))
    await cloud.add_image("lazy", Replication.ON_DEMAND)
    await cloud.ask(system_pause_background)
    await cloud.done(image_datastores_update, ["a"])
    assert await _asked(cloud, one) == []
    await cloud.ask(system_resume)
    assert await _asked(cloud, one) == ["a"]


async def test_an_unreadable_image_stops_copying_until_it_is_mended(cloud: SmallCloud) -> None:
    one = await _host(cloud, 1, some_datastore("a"))
    await cloud.store.commit([], [Put(IMAGES.key("broken"), b"{}")])
    await cloud.clock.advance(5)
    await cloud.store.commit([], [Delete(IMAGES.key("broken"))])
    await cloud.add_image("eager", Replication.EAGER)
    assert await _asked(cloud, one) == ["a"]
