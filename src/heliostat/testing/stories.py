"""Stories for the crash harness: each leads up to one task, with no worker up.

A story is told to a furnished :class:`SmallCloud` that has one VM (``ids["vm"]``), one
persistent disk (``ids["disk"]``) and one host; it commits the task that it is about
and returns it.  Here are the stories of power, hosts, the site and its background
work; a test wants one for every workflow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace

from heliostat.agentlink.messages import Fault, HostDatastore, Leftover, LeftoverKind
from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.doctor.repair import repair
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.datastore import Datastore
from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.image import ImageState, Replication
from heliostat.controller.model.vm import AttachedDiskSpec
from heliostat.controller.trail.record import RECORDS, Record, Result, record_id
from heliostat.controller.trail.seals import NOTHING, SEALS, next_seal, unsealed
from heliostat.controller.workflows import host, image, vm, zone
from heliostat.controller.workflows.host_provision import host_provision
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.host_zone import host_set_zone
from heliostat.controller.workflows.hosts_sync import hosts_sync
from heliostat.controller.workflows.image_datastores import image_datastores_update
from heliostat.controller.workflows.kinds import DATASTORES, IMAGES, VMS
from heliostat.tasks.model import Task
from heliostat.testing.cloud import SmallCloud, Verb
from heliostat.testing.datastores import LeftoverAgents
from heliostat.testing.hosts import some_datastore, some_facts

DAY_MS = 86_400_000

Story = Callable[[SmallCloud], Awaitable[Task]]


async def last(cloud: SmallCloud, verb: Verb, *args: object, **named: object) -> Task:
    """Commit what the story is about, with no worker up: the harness brings its own."""
    await cloud.rest()
    return (await cloud.ask(verb, *args, **named)).task


async def _started(cloud: SmallCloud, verb: Verb) -> Task:
    await cloud.done(vm.vm_start, cloud.ids["vm"])
    return await last(cloud, verb, cloud.ids["vm"])


async def stop(cloud: SmallCloud) -> Task:
    return await _started(cloud, vm.vm_stop)


async def suspend(cloud: SmallCloud) -> Task:
    return await _started(cloud, vm.vm_suspend)


async def resume(cloud: SmallCloud) -> Task:
    await cloud.done(vm.vm_start, cloud.ids["vm"])
    await cloud.done(vm.vm_suspend, cloud.ids["vm"])
    return await last(cloud, vm.vm_resume, cloud.ids["vm"])


async def create_host(cloud: SmallCloud) -> Task:
    spec = HostSpec(address="10.0.0.88", usage_tags=("CLOUD",))
    return await last(cloud, host.host_create, spec)


async def provision_host(cloud: SmallCloud) -> Task:
    return await last(cloud, host_provision, cloud.ids["host-1"])


async def resume_host(cloud: SmallCloud) -> Task:
    await cloud.done(host.host_suspend, cloud.ids["host-1"])
    return await last(cloud, host.host_resume, cloud.ids["host-1"])


async def enter_maintenance(cloud: SmallCloud) -> Task:
    spare = await cloud.add_host("10.0.0.77")
    await cloud.done(host.host_suspend, spare)
    return await last(cloud, host.host_enter_maintenance, spare)


async def exit_maintenance(cloud: SmallCloud) -> Task:
    spare = await cloud.add_host("10.0.0.77")
    await cloud.done(host.host_suspend, spare)
    await cloud.done(host.host_enter_maintenance, spare)
    return await last(cloud, host.host_exit_maintenance, spare)


async def set_zone(cloud: SmallCloud) -> Task:
    zone_id = await cloud.done(zone.zone_create, "north")
    return await last(cloud, host_set_zone, cloud.ids["host-1"], zone_id)


async def image_datastores(cloud: SmallCloud) -> Task:
    place = HostDatastore(datastore_id="ds-1", name="ssd", total_bytes=1 << 40, free_bytes=1 << 40)
    await host_seen(cloud.store, cloud.ids["host-1"], some_facts(datastores=(place,)))
    named = [each.value.id for each in await DATASTORES.all(cloud.store)]
    return await last(cloud, image_datastores_update, named)


async def delete_last_of_zone(cloud: SmallCloud) -> Task:
    """The zone waits for deletion and goes with its host."""
    zone_id = await cloud.done(zone.zone_create, "east")
    spec = HostSpec(address="10.0.0.78", usage_tags=("CLOUD",), zone=zone_id)
    spare = await cloud.done(host.host_create, spec)
    await cloud.done(zone.zone_delete, zone_id)
    return await last(cloud, host.host_delete, spare)


async def sync_hosts(cloud: SmallCloud) -> Task:
    await cloud.add_image("eager", Replication.EAGER)
    return await last(cloud, hosts_sync)


async def heal_copies(cloud: SmallCloud) -> Task:
    agent = cloud.agents[cloud.ids["host-1"]]
    agent.refuses = lambda _item: Fault(code="DiskFull", message="Full.", permanent=True)
    await cloud.add_image("eager", Replication.EAGER)
    await cloud.clock.settle()
    agent.refuses = lambda _item: None
    return await last(cloud, chore_run, CHORES, "image-copies")


async def forget_datastores(cloud: SmallCloud) -> Task:
    for name in ("a", "b"):
        await cloud.store.commit([], DATASTORES.put(Datastore(id=name, name=name)))
    return await last(cloud, chore_run, CHORES, "datastores")


async def leftovers(cloud: SmallCloud) -> Task:
    agents = LeftoverAgents()
    lost = Leftover(kind=LeftoverKind.VM, id="lost", datastore="ds", unneeded_s=1e6)
    agents.found[cloud.ids["host-1"]] = [lost]
    cloud.ports = dataclasses.replace(cloud.ports, agents=agents)
    return await last(cloud, chore_run, CHORES, "leftovers")


async def repair_site(cloud: SmallCloud) -> Task:
    await _lose_vm(cloud)
    return await last(cloud, repair)


async def reservations(cloud: SmallCloud) -> Task:
    await _lose_vm(cloud)
    return await last(cloud, chore_run, CHORES, "reservations")


async def _lose_vm(cloud: SmallCloud) -> None:
    """As a hand in the store would: a host is left with orders for what is gone."""
    spec = cloud.vm_spec("ghost", flavor="tiny")
    lost = await cloud.done(vm.vm_create, cloud.ids["project"], spec)
    stored = await VMS.get(cloud.store, lost)
    assert stored is not None
    moved = replace(stored.value, host_id="")
    await cloud.store.commit([], VMS.put(moved, stored.value))


async def tombstones(cloud: SmallCloud) -> Task:
    stored = await IMAGES.get(cloud.store, await cloud.add_image("unused"))
    assert stored is not None
    waiting = replace(stored.value, state=ImageState.PENDING_DELETE)
    await cloud.store.commit([], IMAGES.put(waiting, stored.value))
    return await last(cloud, chore_run, CHORES, "tombstones")


async def forget_tasks(cloud: SmallCloud) -> Task:
    await cloud.do(vm.vm_delete, await cloud.add_vm("gone"))
    await cloud.do(image.image_delete, await cloud.add_image("gone"))
    await cloud.rest()  # a worker that looks around for a week takes its time
    await cloud.clock.advance(cloud.ports.settings.chores.keep_tasks_s + 1)
    return await last(cloud, chore_run, CHORES, "tasks")


async def seal_audit(cloud: SmallCloud) -> Task:
    """Some records to seal, and many under a seal that are past their time."""
    store, now_ms = cloud.store, cloud.clock.now_ms()
    last_seal = NOTHING
    for days in (500, 450, 0):
        for number in range(20):
            record = Record(
                id=record_id(now_ms - days * DAY_MS, f"{number:04d}"),
                time_ms=now_ms - days * DAY_MS,
                operation="createVm",
                result=Result.DONE,
                status=201,
                entity_id="vm",
                tenant_id="tenant",
            )
            await store.commit((), RECORDS.put(record))
        if days:
            records, revision = await unsealed(store, last_seal)
            last_seal = next_seal(last_seal, records, revision, now_ms - days * DAY_MS)
            await store.commit((), SEALS.put(last_seal))
    return await last(cloud, chore_run, CHORES, "audit")


def _chore(name: str) -> Story:
    async def told(cloud: SmallCloud) -> Task:
        return await last(cloud, chore_run, CHORES, name)

    return told


async def create_apart(cloud: SmallCloud) -> Task:
    """On datastores that two hosts share, away from a machine that is there."""
    shared = (some_datastore("nfs", name="nfs"), some_datastore("ssd", tags=("SSD",)))
    for number in (2, 3):
        await cloud.add_host(f"10.0.0.{number}", facts=some_facts(datastores=shared))
    disks = (
        AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True),
        AttachedDiskSpec(name="data", flavor="ephemeral", capacity_gb=5),
    )
    away = Affinity(kind="vm", id=cloud.ids["vm"], negative=True)
    spread = Affinity(kind="label", id="app=db", negative=True, scope="host")
    spec = cloud.vm_spec("apart", attached_disks=disks, affinities=(away, spread))
    return await last(cloud, vm.vm_create, cloud.ids["project"], spec)


STORIES: Mapping[str, Story] = {
    "create-apart": create_apart,
    "stop": stop,
    "suspend": suspend,
    "resume": resume,
    "create-host": create_host,
    "provision-host": provision_host,
    "resume-host": resume_host,
    "enter-maintenance": enter_maintenance,
    "exit-maintenance": exit_maintenance,
    "set-zone": set_zone,
    "image-datastores": image_datastores,
    "delete-last-of-zone": delete_last_of_zone,
    "sync-hosts": sync_hosts,
    "heal-copies": heal_copies,
    "forget-datastores": forget_datastores,
    "leftovers": leftovers,
    "repair": repair_site,
    "reservations": reservations,
    "tombstones": tombstones,
    "forget-tasks": forget_tasks,
    "content": _chore("content"),
    "audit": seal_audit,
}
