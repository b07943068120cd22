"""Entities follow reports, also those that came while an operation was under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from heliostat.agentlink.messages import GuestState, Power
from heliostat.cloudstore.contract import Delete, Put
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows import reading, vm
from heliostat.controller.workflows.kinds import VMS
from heliostat.controller.workflows.observation import observe
from heliostat.testing import hosts
from heliostat.testing.cloud import SmallCloud, Verb


async def _write(cloud: SmallCloud, vm_id: str, task_id: str) -> None:
    stored = await reading.vm(cloud.store, vm_id)
    after = replace(stored.value, task_id=task_id)
    await cloud.store.commit([VMS.guard(stored)], VMS.put(after, stored.value))
    await cloud.clock.settle()


async def _state(cloud: SmallCloud, vm_id: str) -> Vm:
    return (await reading.vm(cloud.store, vm_id)).value


@asynccontextmanager
async def _observed(cloud: SmallCloud) -> AsyncIterator[asyncio.Task[None]]:
    observing = asyncio.create_task(observe(cloud.store, cloud.clock))
    try:
        yield observing
    finally:
        observing.cancel()
        await asyncio.gather(observing, return_exceptions=True)


async def test_a_guest_that_ended_during_an_operation_is_seen_when_that_ends(
    cloud: SmallCloud,
) -> None:
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_start, vm_id)
    async with _observed(cloud):
        await _write(cloud, vm_id, "an operation")
        await cloud.agents[cloud.ids["host-1"]].guest_becomes(vm_id, GuestState.STOPPED)
        await cloud.clock.settle()
        assert (await _state(cloud, vm_id)).state is VmState.STARTED
        await _write(cloud, vm_id, "")
        assert (await _state(cloud, vm_id)).state is VmState.STOPPED


@pytest.mark.parametrize("verbs", [(vm.vm_start,), (vm.vm_start, vm.vm_suspend)])
async def test_a_guest_that_ended_while_nobody_looked_is_seen_at_the_start(
    cloud: SmallCloud, verbs: tuple[Verb, ...]
) -> None:
    vm_id = await cloud.add_vm()
    for verb in verbs:
        await cloud.done(verb, vm_id)
    await cloud.agents[cloud.ids["host-1"]].guest_becomes(vm_id, GuestState.STOPPED)
    async with _observed(cloud):
        await cloud.clock.settle()
        assert (await _state(cloud, vm_id)).state is VmState.STOPPED


@pytest.mark.parametrize(
    ("verbs", "power"),
    [
        ((vm.vm_start,), Power.ON),
        ((vm.vm_start, vm.vm_suspend), Power.SUSPENDED),
        ((vm.vm_start, vm.vm_suspend, vm.vm_resume), Power.ON),
        ((vm.vm_start, vm.vm_restart), Power.ON),
    ],
)
async def test_a_guest_that_ends_at_once_keeps_nobody_waiting(
    cloud: SmallCloud, monkeypatch: pytest.MonkeyPatch, verbs: tuple[Verb, ...], power: Power
) -> None:
    vm_id = await cloud.add_vm()
    for verb in verbs[:-1]:
        await cloud.done(verb, vm_id)
    monkeypatch.setitem(hosts._GUESTS, power, GuestState.STOPPED)
    before_s = cloud.clock.monotonic_s()
    async with _observed(cloud):
        await cloud.done(verbs[-1], vm_id)
        await cloud.clock.settle()
        assert cloud.clock.monotonic_s() - before_s < 5
        assert (await _state(cloud, vm_id)).state is VmState.STOPPED


async def test_a_document_that_can_not_be_read_keeps_no_other_guest_waiting(
    cloud: SmallCloud,
) -> None:
    vm_id = await cloud.add_vm()
    await cloud.done(vm.vm_start, vm_id)
    await cloud.store.commit([], [Put(VMS.key("0000-broken"), b'{"name": 7}')])
    async with _observed(cloud) as observing:
        await cloud.clock.settle()
        await cloud.store.commit([], [Put(VMS.key("0001-broken"), b'{"name": 7}')])
        await cloud.clock.settle()
        await cloud.agents[cloud.ids["host-1"]].guest_becomes(vm_id, GuestState.STOPPED)
        await cloud.clock.settle()
        assert not observing.done()
        assert (await _state(cloud, vm_id)).state is VmState.STOPPED
    for broken in ("0000-broken", "0001-broken"):
        await cloud.store.commit([], [Delete(VMS.key(broken))])
