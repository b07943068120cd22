"""What agents report becomes inventories and datastores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.agentlink.messages import HostDatastore
from heliostat.controller.model.datastore import DatastoreType
from heliostat.controller.model.host import HostInventory
from heliostat.controller.workflows.host_seen import host_seen, is_news
from heliostat.controller.workflows.kinds import DATASTORES, INVENTORIES
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.hosts import some_datastore, some_facts


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as made:
        yield made


async def _add(cloud: SmallCloud, address: str, *datastores: HostDatastore) -> str:
    return await cloud.add_host(address, facts=some_facts(datastores=datastores))


async def test_a_shared_folder_is_one_datastore_and_two_of_a_name_are_two(
    cloud: SmallCloud,
) -> None:
    shared = some_datastore("ds-shared", name="nfs", type_="NFS_3", tags=("slow",))
    one = await _add(cloud, "10.0.0.1", some_datastore("ds-1"), shared)
    two = await _add(cloud, "10.0.0.2", some_datastore("ds-2"), shared)
    found = {each.value.id: each.value for each in await DATASTORES.all(cloud.store)}
    assert set(found) == {"ds-1", "ds-2", "ds-shared"}
    assert found["ds-1"].name == found["ds-2"].name == "local"
    assert found["ds-shared"].type is DatastoreType.NFS_3
    assert found["ds-shared"].labels == {"SLOW", "NFS_3"}
    assert await INVENTORIES.ids_by_index(cloud.store, "datastore", "ds-shared") == sorted(
        [one, two]
    )


async def test_who_spoke_last_names_a_shared_datastore(cloud: SmallCloud) -> None:
    await _add(cloud, "10.0.0.1", some_datastore("ds", name="nfs"))
    other = await _add(cloud, "10.0.0.2", some_datastore("ds", name="archive"))
    first = await cloud.add_host("10.0.0.3")
    assert await _name(cloud) == "archive"
    await host_seen(
        cloud.store, other, some_facts(datastores=(some_datastore("ds", name="archive"),))
    )
    again = some_facts(disk_gib=7, datastores=(some_datastore("ds", name="nfs"),))
    await host_seen(cloud.store, first, again)
    assert await _name(cloud) == "nfs", "a host that tells something new"
    await host_seen(cloud.store, other, some_facts(memory_mib=1, datastores=again.datastores))
    assert await _name(cloud) == "nfs"


async def _name(cloud: SmallCloud) -> str:
    stored = await DATASTORES.get(cloud.store, "ds")
    assert stored is not None
    return stored.value.name


async def test_a_type_of_a_newer_agent_is_other(cloud: SmallCloud) -> None:
    await _add(cloud, "10.0.0.1", some_datastore("ds", type_="HOLOGRAPHIC"))
    stored = await DATASTORES.get(cloud.store, "ds")
    assert stored is not None
    assert stored.value.type is DatastoreType.OTHER


async def test_a_little_free_space_is_no_commit(cloud: SmallCloud) -> None:
    host_id = await _add(cloud, "10.0.0.1", some_datastore("ds", free_gib=50))
    before = await cloud.store.revision()
    facts = some_facts(datastores=(some_datastore("ds", free_gib=50),))
    held = replace(facts.datastores[0], free_bytes=facts.datastores[0].free_bytes - 1000)
    await host_seen(cloud.store, host_id, replace(facts, datastores=(held,)))
    assert await cloud.store.revision() == before
    facts = some_facts(datastores=(some_datastore("ds", free_gib=40),))
    await host_seen(cloud.store, host_id, facts)
    assert await cloud.store.revision() > before


def test_another_number_of_datastores_is_news() -> None:
    facts = some_facts(datastores=(some_datastore("a"),))
    fields = {name: getattr(facts, name) for name in facts.__struct_fields__}
    known = HostInventory(id="host", **fields)
    assert not is_news(known, known)
    assert is_news(known, replace(known, datastores=()))
    assert is_news(known, replace(known, datastores=(*known.datastores, some_datastore("b"))))


def test_an_older_agents_only_place_has_no_id() -> None:
    facts = some_facts(images=("abc",))
    fields = {name: getattr(facts, name) for name in facts.__struct_fields__}
    (place,) = HostInventory(id="host", **fields).places
    assert (place.datastore_id, place.name, place.images) == ("", "local", ("abc",))
