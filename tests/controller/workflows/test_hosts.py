"""Hosts: joined, put out of service, removed; and what they are asked to cache."""

from __future__ import annotations

import asyncio

import pytest

from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.image import ImageScope, Replication, StagedImage
from heliostat.controller.workflows import host, image, project, reading, vm
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.observation import observe
from heliostat.core.errors import HeliostatError
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.hosts import some_facts


async def test_host_is_ready_once_its_agent_was_heard(cloud: SmallCloud) -> None:
    spec = HostSpec(address="10.1.1.1", usage_tags=("CLOUD",))
    host_id = await cloud.done(host.host_create, spec)
    assert (await reading.host(cloud.store, host_id)).value.state == "NOT_PROVISIONED"
    await host_seen(cloud.store, host_id, some_facts())
    assert (await reading.host(cloud.store, host_id)).value.state == "READY"
    revision = await cloud.store.revision()
    await host_seen(cloud.store, host_id, some_facts())
    assert await cloud.store.revision() == revision


async def test_agent_that_is_faster_than_the_task(cloud: SmallCloud) -> None:
    await cloud.rest()
    made = await cloud.ask(host.host_create, HostSpec(address="10.1.1.1", usage_tags=("CLOUD",)))
    await host_seen(cloud.store, made.task.entity_id, some_facts())
    cloud.work()
    await cloud.finish(made.task.id)
    assert (await reading.host(cloud.store, made.task.entity_id)).value.state == "READY"


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (HostSpec(address="10.0.0.1", usage_tags=("CLOUD",)), "DuplicateHost"),
        (HostSpec(address="host", usage_tags=("CLOUD",)), "InvalidEntity"),
        (HostSpec(address="10.0.0.2", usage_tags=()), "InvalidEntity"),
        (HostSpec(address="10.0.0.2", usage_tags=("FOG",)), "InvalidEntity"),
    ],
)
async def test_bad_specs(cloud: SmallCloud, spec: HostSpec, code: str) -> None:
    with pytest.raises(HeliostatError, match=code):
        await cloud.ask(host.host_create, spec)


async def test_modes(cloud: SmallCloud) -> None:
    host_id = cloud.ids["host-1"]
    vm_id = await cloud.add_vm()
    for verb in (host.host_enter_maintenance, host.host_resume, host.host_delete):
        with pytest.raises(HeliostatError, match="InvalidHostState"):
            await cloud.ask(verb, host_id)
    await cloud.done(host.host_suspend, host_id)
    with pytest.raises(HeliostatError, match="HostHasVms"):
        await cloud.ask(host.host_enter_maintenance, host_id)
    task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec("two"))
    assert task.steps[0].errors[0].code == "NoSuchResource"
    await cloud.done(vm.vm_delete, vm_id)
    await cloud.done(host.host_enter_maintenance, host_id)
    await cloud.done(host.host_exit_maintenance, host_id)
    await cloud.add_vm()


async def test_host_with_a_disk_is_not_removed(cloud: SmallCloud) -> None:
    host_id = cloud.ids["host-1"]
    await cloud.add_disk()
    await cloud.done(host.host_suspend, host_id)
    await cloud.done(host.host_enter_maintenance, host_id)
    with pytest.raises(HeliostatError, match=r"1 persistent disk"):
        await cloud.ask(host.host_delete, host_id)


async def test_removed_host_leaves_nothing(cloud: SmallCloud) -> None:
    host_id = cloud.ids["host-1"]
    await cloud.add_image("eager", Replication.EAGER)
    await cloud.done(host.host_suspend, host_id)
    await cloud.done(host.host_enter_maintenance, host_id)
    await cloud.done(host.host_delete, host_id)
    for prefix in ("/v1/desired/", "/v1/host/", "/v1/host-inventory/", "/v1/reservation/"):
        assert not (await cloud.store.list(prefix)).items


async def test_eager_images_come_and_go_with_hosts_and_images(cloud: SmallCloud) -> None:
    watching = asyncio.create_task(observe(cloud.store, cloud.clock))
    image_id = await cloud.add_image("eager", Replication.EAGER)
    digest = (await reading.image(cloud.store, image_id)).value.digest
    second = await cloud.add_host("10.0.0.2")
    keys = [desired_key(each, "image", digest) for each in (cloud.ids["host-1"], second)]
    await cloud.clock.advance(2)
    assert all([await cloud.store.get(key) for key in keys])
    await cloud.done(image.image_delete, image_id)
    await cloud.clock.advance(2)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert not any([await cloud.store.get(key) for key in keys])


async def test_image_in_use_goes_with_its_last_vm(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    image_id = cloud.ids["image"]
    await cloud.done(image.image_delete, image_id)
    assert (await reading.image(cloud.store, image_id)).value.state == "PENDING_DELETE"
    for verb, args in (
        (image.image_delete, (image_id,)),
        (vm.vm_create, (cloud.ids["project"], cloud.vm_spec("two"))),
    ):
        with pytest.raises(HeliostatError, match="InvalidImageState"):
            await cloud.ask(verb, *args)
    await cloud.done(vm.vm_delete, vm_id)
    with pytest.raises(HeliostatError, match="ImageNotFound"):
        await reading.image(cloud.store, image_id)
    assert not (await cloud.store.list("/v1/blob-ref/")).items


async def test_refused_upload_leaves_only_its_task(cloud: SmallCloud) -> None:
    cloud.images.error = HeliostatError("InvalidImage", "It is no image.")
    staged = StagedImage(digest="cd" * 32, size_bytes=3)
    task = await cloud.do(image.image_create, "bad", Replication.EAGER, ImageScope(), staged)
    assert task.steps[0].errors[0].code == "InvalidImage"
    assert not (await cloud.store.list(f"/v1/blob-ref/{staged.digest}/")).items
    assert [each.name for each in await reading.images(cloud.store)] == ["debian"]


async def test_image_of_a_project_is_its_own(cloud: SmallCloud) -> None:
    other = await cloud.done(
        project.project_create,
        cloud.ids["tenant"],
        "other",
    )
    staged = StagedImage(digest="ef" * 32, size_bytes=3)
    scope = ImageScope(kind="project", id=other)
    image_id = await cloud.done(image.image_create, "own", Replication.ON_DEMAND, scope, staged)
    with pytest.raises(HeliostatError, match="ImageNotFound"):
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec(source_image_id=image_id))
