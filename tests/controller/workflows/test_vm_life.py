"""A machine's life from creation to deletion; the fixture checks the books at the end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from heliostat.agentlink.messages import BootBus, Desired, DesiredVm, Fault, GuestState, Power
from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.desired import desired_key
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.model.vm import AttachedDiskSpec, VmState
from heliostat.controller.workflows import reading, vm
from heliostat.controller.workflows.flavor import flavor_delete
from heliostat.controller.workflows.kinds import VMS
from heliostat.controller.workflows.observation import observe_vm
from heliostat.controller.workflows.task import task_skip
from heliostat.controller.workflows.vm_desired import desired_vm
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import Task, TaskState
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.hosts import some_facts


async def used(cloud: SmallCloud, key: str) -> float:
    quota = await reading.quota(cloud.store, OwnerKind.PROJECT, cloud.ids["project"])
    item = quota.value.items.get(key)
    return item.used_value if item is not None else 0.0


def codes(task: Task) -> list[str]:
    return [problem.code for step in task.steps for problem in step.errors]


def broken(item: Desired) -> Fault | None:
    """A host that can't prepare machines."""
    if isinstance(item, DesiredVm):
        return Fault(code="HypervisorFailed", message="no such luck", permanent=True)
    return None


async def test_new_vm_is_stopped_and_charged(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    made = (await reading.vm(cloud.store, vm_id)).value
    assert made.state is VmState.STOPPED
    assert made.host_id == cloud.ids["host-1"]
    assert made.datastore == "local"
    assert await used(cloud, "vm.cpu") == 1
    assert await used(cloud, "ephemeral-disk.capacity") == 2


async def test_whole_life(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    states = []
    for verb in (vm.vm_start, vm.vm_restart, vm.vm_suspend, vm.vm_resume, vm.vm_stop):
        await cloud.done(verb, vm_id)
        states.append(str((await reading.vm(cloud.store, vm_id)).value.state))
        await cloud.check()
    assert states == ["STARTED", "STARTED", "SUSPENDED", "STARTED", "STOPPED"]
    await cloud.done(vm.vm_delete, vm_id)
    with pytest.raises(HeliostatError, match="VmNotFound"):
        await reading.vm(cloud.store, vm_id)
    assert await used(cloud, "vm.cpu") == 0


async def test_failed_create_leaves_only_its_task(cloud: SmallCloud) -> None:
    cloud.agents[cloud.ids["host-1"]].refuses = broken
    task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec())
    assert task.state is TaskState.ERROR
    assert codes(task) == ["HypervisorFailed"]
    assert await reading.vms(cloud.store, cloud.ids["project"]) == []
    assert await used(cloud, "vm.cpu") == 0


async def test_failed_start_leaves_the_vm_stopped(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    cloud.agents[cloud.ids["host-1"]].refuses = broken
    task = await cloud.do(vm.vm_start, vm_id)
    assert codes(task) == ["HypervisorFailed"]
    found = (await reading.vm(cloud.store, vm_id)).value
    assert (found.state, found.task_id) == (VmState.STOPPED, "")


async def test_unknown_fault_code_is_an_agent_error(cloud: SmallCloud) -> None:
    agent = cloud.agents[cloud.ids["host-1"]]
    agent.refuses = lambda item: Fault(code="Gremlins", message="in the works", permanent=True)
    task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec())
    assert codes(task) == ["AgentError"]
    assert "Gremlins: in the works" in task.steps[1].errors[0].message


async def test_missing_agent_is_named_by_the_stall_and_create_goes_on(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    agent = cloud.agents[cloud.ids["host-1"]]
    await agent.cut()
    admission = await cloud.ask(vm.vm_start, vm_id)
    began_ms = cloud.clock.now_ms()
    await cloud.clock.advance(1.5)
    stalled = (await reading.task(cloud.store, admission.task.id)).stalled
    assert stalled is not None
    host = f"10.0.0.1 ({cloud.ids['host-1']})"
    assert stalled.reason == (
        f"The agent of host {host} is not connected; it has to start the VM one."
    )
    assert stalled.since_ms == began_ms
    async with agent:
        task = await cloud.finish(admission.task.id)
    assert task.state is TaskState.COMPLETED


async def test_stall_is_taken_back_when_a_slow_agent_returns(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    agent = cloud.agents[cloud.ids["host-1"]]
    await agent.cut()
    admission = await cloud.ask(vm.vm_start, vm_id)
    await cloud.clock.advance(5)
    assert (await reading.task(cloud.store, admission.task.id)).stalled is not None
    agent.delay_s = 100
    async with agent:
        await cloud.clock.advance(1)
        assert (await reading.task(cloud.store, admission.task.id)).stalled is None
        await cloud.clock.advance(cloud.ports.settings.expected_s)
        stalled = (await reading.task(cloud.store, admission.task.id)).stalled
        assert stalled is not None
        assert "has yet to start the VM one" in stalled.reason
        assert (await cloud.finish(admission.task.id)).state is TaskState.COMPLETED


async def test_how_long_a_host_may_take_is_a_setting(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.rest()
    settings = dataclasses.replace(cloud.ports.settings, expected_s=7.0)
    cloud.ports = dataclasses.replace(cloud.ports, settings=settings)
    cloud.agents[cloud.ids["host-1"]].delay_s = 20
    cloud.work()
    admission = await cloud.ask(vm.vm_start, vm_id)
    await cloud.clock.advance(6)
    assert (await reading.task(cloud.store, admission.task.id)).stalled is None
    await cloud.clock.advance(2)
    stalled = (await reading.task(cloud.store, admission.task.id)).stalled
    assert stalled is not None
    assert stalled.reason.endswith("this has taken longer than the 7 s expected.")
    await cloud.finish(admission.task.id)


async def test_agent_that_never_answers_ends_the_create(cloud: SmallCloud) -> None:
    await cloud.agents[cloud.ids["host-1"]].cut()
    host_id = await cloud.add_host("10.0.0.9")
    agent = cloud.agents[host_id]
    agent.delay_s = 100_000
    task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec())
    assert codes(task) == ["TimedOut"]
    assert await reading.vms(cloud.store, cloud.ids["project"]) == []


async def test_no_host_fits(cloud: SmallCloud) -> None:
    await cloud.agents[cloud.ids["host-1"]].cut()
    await cloud.add_host("10.0.0.3", facts=some_facts(memory_mib=512))
    task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec())
    assert codes(task) == ["NotEnoughMemoryResource"]
    error = task.steps[0].errors[0]
    assert error.data["ruledOut"] == {"agent does not answer": 1, "not enough memory": 1}
    assert task.steps[0].explanations[-1].data["considered"] == 2


async def test_quota_is_refused_with_its_numbers(cloud: SmallCloud) -> None:
    await cloud.add_vm("one", flavor="medium")
    with pytest.raises(
        HeliostatError, match=r"limit of 4 COUNT, 2 COUNT used, 4 COUNT asked"
    ) as raised:
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec("two", flavor="large"))
    assert raised.value.code == "QuotaError"
    wanted = {"limit": 4.0, "usage": 2.0, "newUsage": 6.0, "key": "vm.cpu", "asked": 4.0}
    assert raised.value.data == {**wanted, "unit": "COUNT"}


async def test_second_operation_is_refused_at_once(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.rest()
    await cloud.ask(vm.vm_start, vm_id)
    with pytest.raises(HeliostatError, match="ConcurrentTask"):
        await cloud.ask(vm.vm_delete, vm_id)
    cloud.work()
    await cloud.clock.advance(60)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "1st"}, "InvalidEntity"),
        ({"flavor": "huge"}, "InvalidFlavor"),
        ({"source_image_id": "none"}, "ImageNotFound"),
        ({"attached_disks": ()}, "InvalidEntity"),
        (
            {"attached_disks": (AttachedDiskSpec(name="b", flavor="none", boot_disk=True),)},
            "InvalidFlavor",
        ),
        (
            {
                "attached_disks": (
                    AttachedDiskSpec(
                        name="b", flavor="persistent", kind="persistent-disk", boot_disk=True
                    ),
                )
            },
            "InvalidEntity",
        ),
        ({"affinities": (Affinity(kind="host", id="none"),)}, "HostNotFound"),
        ({"affinities": (Affinity(kind="moon", id="1"),)}, "InvalidEntity"),
        ({"affinities": (Affinity(kind="availabilityZone", id="x"),)}, "NoSuchResource"),
        ({"affinities": (Affinity(kind="datastore", id="x"),)}, "NoSuchResource"),
        ({"subnets": ("x",)}, "NetworkNotFound"),
        ({"ssh_keys": ("no key",) * 2 + ("x",)}, "InvalidEntity"),
        ({"tags": ("",)}, "InvalidEntity"),
    ],
)
async def test_bad_specs(cloud: SmallCloud, changes: dict[str, Any], code: str) -> None:
    before = await cloud.store.revision()
    with pytest.raises(HeliostatError) as raised:
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec(**changes))
    assert raised.value.code == code
    assert await cloud.store.revision() == before


async def test_two_host_affinities_are_too_many(cloud: SmallCloud) -> None:
    second = await cloud.add_host("10.0.0.2")
    both = tuple(Affinity(kind="host", id=each) for each in (cloud.ids["host-1"], second))
    with pytest.raises(HeliostatError, match="MoreThanOneHostAffinity"):
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec(affinities=both))
    vm_id = await cloud.add_vm(affinities=both[1:])
    assert (await reading.vm(cloud.store, vm_id)).value.host_id == second


async def test_boot_capacity_is_warned_of(cloud: SmallCloud) -> None:
    boot = AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True, capacity_gb=7)
    task = await cloud.do(vm.vm_create, cloud.ids["project"], cloud.vm_spec(attached_disks=(boot,)))
    assert [each.code for each in task.steps[0].warnings] == ["InvalidEntity"]
    made = (await reading.vm(cloud.store, task.entity_id)).value
    assert made.disks[0].capacity_gb == 7


async def test_wrong_states_are_refused(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    for verb in (vm.vm_stop, vm.vm_restart, vm.vm_suspend, vm.vm_resume):
        with pytest.raises(HeliostatError, match="InvalidVmState"):
            await cloud.ask(verb, vm_id)
    await cloud.done(vm.vm_start, vm_id)
    for verb in (vm.vm_start, vm.vm_delete, vm.vm_resume):
        with pytest.raises(HeliostatError, match="InvalidVmState"):
            await cloud.ask(verb, vm_id)
    await cloud.done(vm.vm_suspend, vm_id)
    for verb in (vm.vm_start, vm.vm_delete, vm.vm_restart, vm.vm_suspend):
        with pytest.raises(HeliostatError, match="InvalidVmState"):
            await cloud.ask(verb, vm_id)
    await cloud.done(vm.vm_stop, vm_id)


async def test_broken_vm_gives_its_disk_back_and_can_be_deleted(cloud: SmallCloud) -> None:
    vm_id, disk_id = await cloud.add_vm(), await cloud.add_disk()
    await cloud.done(vm.disk_attach, vm_id, disk_id)
    stored = await reading.vm(cloud.store, vm_id)
    lost = replace(stored.value, state=VmState.ERROR)
    await cloud.store.commit([VMS.guard(stored)], VMS.put(lost, stored.value))
    await cloud.agents[cloud.ids["host-1"]].cut()
    for verb in (vm.vm_start, vm.vm_stop):
        with pytest.raises(HeliostatError, match="InvalidVmState"):
            await cloud.ask(verb, vm_id)
    with pytest.raises(HeliostatError, match="PersistentDiskAttached"):
        await cloud.ask(vm.vm_delete, vm_id)
    await cloud.done(vm.disk_detach, vm_id, disk_id)
    admission = await cloud.ask(vm.vm_delete, vm_id)
    async with cloud.agents[cloud.ids["host-1"]]:
        task = await cloud.finish(admission.task.id)
    assert task.state is TaskState.COMPLETED


async def test_undone_delete_can_be_tried_again(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    agent = cloud.agents[cloud.ids["host-1"]]
    await agent.cut()
    task = await cloud.do(vm.vm_delete, vm_id)
    assert codes(task) == ["TimedOut"]
    assert (await reading.vm(cloud.store, vm_id)).value.state is VmState.ERROR
    await cloud.check()
    async with agent:
        await cloud.done(vm.vm_delete, vm_id)


async def test_metadata_and_tags(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_set_metadata, vm_id, {"owner": "ops"})
    await cloud.done(vm.vm_add_tag, vm_id, "web")
    await cloud.done(vm.vm_add_tag, vm_id, "web")
    found = (await reading.vm(cloud.store, vm_id)).value
    assert (found.metadata, found.tags) == ({"owner": "ops"}, ("web",))


async def test_plan_changes_nothing_and_shows_where(cloud: SmallCloud) -> None:
    before = await cloud.store.revision()
    planned = await cloud.plan(vm.vm_create, cloud.ids["project"], cloud.vm_spec())
    assert planned.placement is not None
    assert planned.placement.host_id == cloud.ids["host-1"]
    assert {each.key: each.asked for each in planned.quota}["vm.cpu"] == 1
    assert await cloud.store.revision() == before


async def test_guest_that_stops_itself_is_stopped(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_start, vm_id)
    host_id = cloud.ids["host-1"]
    await cloud.agents[host_id].guest_becomes(vm_id, GuestState.STOPPED)
    await observe_vm(cloud.store, host_id, vm_id)
    assert (await reading.vm(cloud.store, vm_id)).value.state is VmState.STOPPED
    document = await cloud.store.get(desired_key(host_id, "vm", vm_id))
    assert document is not None
    assert b'"power":"OFF"' in document.value
    await cloud.done(vm.vm_start, vm_id)


async def test_crashed_guest_can_be_stopped_changed_and_started(cloud: SmallCloud) -> None:
    vm_id, disk_id = await cloud.add_vm(), await cloud.add_disk()
    await cloud.done(vm.vm_start, vm_id)
    await cloud.agents[cloud.ids["host-1"]].guest_becomes(vm_id, GuestState.CRASHED)
    await cloud.done(vm.vm_stop, vm_id)
    await cloud.done(vm.disk_attach, vm_id, disk_id)
    await cloud.done(vm.vm_start, vm_id)
    await cloud.done(vm.disk_detach, vm_id, disk_id)


async def test_delete_while_the_agent_is_away_can_be_skipped(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    await cloud.agents[cloud.ids["host-1"]].cut()
    admission = await cloud.ask(vm.vm_delete, vm_id)
    await cloud.clock.advance(60)
    await cloud.ask(task_skip, admission.task.id)
    task = await cloud.finish(admission.task.id)
    assert task.state is TaskState.COMPLETED
    assert await reading.vms(cloud.store, cloud.ids["project"]) == []


async def test_flavor_in_use_goes_with_its_last_user(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm()
    flavor_id = (await reading.vm(cloud.store, vm_id)).value.flavor_id
    await cloud.done(flavor_delete, flavor_id)
    assert (await reading.flavor(cloud.store, flavor_id)).value.state == "PENDING_DELETE"
    with pytest.raises(HeliostatError, match="InvalidFlavorState"):
        await cloud.ask(vm.vm_create, cloud.ids["project"], cloud.vm_spec("two"))
    await cloud.done(vm.vm_delete, vm_id)
    with pytest.raises(HeliostatError, match="FlavorNotFound"):
        await reading.flavor(cloud.store, flavor_id)


async def test_a_vm_that_chose_nvme_is_not_suspended(cloud: SmallCloud) -> None:
    vm_id = await cloud.add_vm(boot_bus="nvme")
    stored = (await reading.vm(cloud.store, vm_id)).value
    assert desired_vm(stored, [], Power.ON, stop_grace_s=1.0).boot_bus is BootBus.NVME
    await cloud.done(vm.vm_start, vm_id)
    with pytest.raises(HeliostatError) as raised:
        await cloud.do(vm.vm_suspend, vm_id)
    assert raised.value.code == "InvalidOperation"
    assert "virtio" in str(raised.value.hint)
    assert (await reading.vm(cloud.store, vm_id)).value.state is VmState.STARTED


async def test_an_unknown_boot_bus_is_refused(cloud: SmallCloud) -> None:
    with pytest.raises(HeliostatError, match="bootBus") as raised:
        await cloud.add_vm(boot_bus="scsi")
    assert raised.value.code == "InvalidEntity"
