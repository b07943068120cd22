"""What lies in datastores and nothing needs: unused copies of images, disks of lost machines.

Hosts tell what they don't need themselves; what no document names goes, by an order
that the host checks once more.  Only hosts that are connected to this controller can
be asked; the others' turn comes when another one looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from heliostat.agentlink.messages import Clearance, Cleared, Leftover, LeftoverKind
from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.chores.contract import chore
from heliostat.controller.model.leftovers import Grace, Known, Verdict, judge
from heliostat.controller.model.replication import Copy
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import DISKS, HOSTS, INVENTORIES, VMS
from heliostat.controller.workflows.replicas import read_layout
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import HeliostatError
from heliostat.core.units import MIB
from heliostat.tasks.follow import snapshot
from heliostat.tasks.model import Done, StepContext

ASKED_AT_ONCE = 16


async def _leftovers(ports: Ports) -> dict[str, list[Leftover]]:
    """By host; those that can't be asked are left out."""
    turns = asyncio.Semaphore(ASKED_AT_ONCE)
    found: dict[str, list[Leftover]] = {}

    async def ask(host_id: str) -> None:
        try:
            async with turns:
                answer = await ports.agents.request(host_id, "host.leftovers", {})
            found[host_id] = msgspec.convert(answer["leftovers"], type=list[Leftover])
        except (HeliostatError, msgspec.ValidationError, KeyError, TypeError):
            return  # away, of an older version, or another controller's to ask

    hosts = [stored.value.id for stored in await HOSTS.all(ports.store)]
    await asyncio.gather(*(ask(host_id) for host_id in hosts))
    return {host_id: found[host_id] for host_id in sorted(found) if found[host_id]}


async def _known(store: CloudStore, leftovers: Iterable[Leftover]) -> Known:
    """What documents name, read after the hosts were asked: a file is never older than its own."""
    revision = await store.revision()
    copies: set[Copy] = set()
    if any(each.kind is LeftoverKind.IMAGE for each in leftovers):
        layout = await read_layout(store)
        copies = {*layout.wanted, *(each.copy for each in layout.asked), *await _used(store)}
    return Known(
        revision=revision,
        copies=copies,
        vms=await _ids(store, VMS.prefix),
        disks=await _ids(store, DISKS.prefix),
    )


async def _used(store: CloudStore) -> set[Copy]:
    """Copies that machines stand on, or will once their disks are made."""
    homes = {
        each.value.id: [held.datastore_id for held in each.value.datastores]
        for each in await INVENTORIES.all(store)
    }
    used: set[Copy] = set()
    for stored in await VMS.all(store):
        vm = stored.value
        for disk in vm.disks:
            if disk.boot and disk.datastore_id:
                used.add(Copy(vm.image_digest, disk.datastore_id))
            elif disk.boot:  # of a time when a host had but one place: it may be any
                used.update(Copy(vm.image_digest, each) for each in homes.get(vm.host_id, ()))
    return used


async def _ids(store: CloudStore, prefix: str) -> set[str]:
    documents, _ = await snapshot(store, prefix)
    return {document.key.removeprefix(prefix) for document in documents}


def _grace(ports: Ports) -> Grace:
    chores = ports.settings.chores
    return Grace(
        images_s=chores.keep_unused_images_s,
        others_s=chores.keep_orphans_s,
        removes_disks=chores.remove_orphaned_disks,
    )


async def _verdicts(ports: Ports) -> dict[str, list[Verdict]]:
    found = await _leftovers(ports)
    known = await _known(ports.store, [each for some in found.values() for each in some])
    return {
        host_id: [judge(each, known, _grace(ports)) for each in some]
        for host_id, some in found.items()
    }


def _sentence(host_id: str, verdict: Verdict) -> str:
    leftover = verdict.leftover
    size = f"{leftover.size_bytes / MIB:.0f} MiB"
    return f"Host {host_id}: {leftover.name} ({size}): {verdict.reason}"


async def find(ports: Ports) -> Sequence[str]:
    """What would be removed; what is only told rides along with it."""
    verdicts = await _verdicts(ports)
    if not any(each.remove for some in verdicts.values() for each in some):
        return []
    return [
        _sentence(host_id, each)
        for host_id, some in verdicts.items()
        for each in sorted(some, key=lambda one: not one.remove)
        if each.told
    ]


async def _work(ctx: StepContext) -> Done:
    ports = ports_of(ctx)
    removed: set[str] = set()
    freed_bytes, kept = 0, 0
    revision = await ctx.store.revision()
    for host_id, verdicts in (await _verdicts(ports)).items():
        for verdict in verdicts:
            if verdict.told:
                ctx.explain("leftover", _sentence(host_id, verdict))
        doomed = {each.leftover.name: each.leftover for each in verdicts if each.remove}
        cleared = await _order(ports, host_id, doomed, revision, removed)
        removed |= set(cleared.removed)
        freed_bytes += sum(doomed[name].size_bytes for name in cleared.removed)
        kept += len(cleared.kept)
        for name, why in cleared.kept.items():
            ctx.explain("kept", f"Host {host_id}: {name}: {why}")
    return Done(result={"removed": len(removed), "kept": kept, "freedBytes": freed_bytes})


async def _order(
    ports: Ports, host_id: str, doomed: dict[str, Leftover], revision: int, done: set[str]
) -> Cleared:
    """Have one host remove things, unless one that shares the datastore has done so already."""
    cleared = Cleared()
    for grace_s, names in _by_grace(_grace(ports), doomed, done).items():
        order = Clearance(names=tuple(names), revision=revision, grace_s=grace_s)
        params = msgspec.to_builtins(order)
        try:
            answer = await ports.agents.request(host_id, "host.clear", params)
        except HeliostatError as error:
            kept = dict.fromkeys(names, str(error))
            cleared = Cleared(removed=cleared.removed, kept={**cleared.kept, **kept})
            continue
        told = msgspec.convert(answer, type=Cleared)
        cleared = Cleared(
            removed=(*cleared.removed, *told.removed), kept={**cleared.kept, **told.kept}
        )
    return cleared


def _by_grace(grace: Grace, doomed: dict[str, Leftover], done: set[str]) -> dict[float, list[str]]:
    groups: dict[float, list[str]] = {}
    for name, leftover in sorted(doomed.items()):
        if name not in done:
            groups.setdefault(grace.of(leftover.kind), []).append(name)
    return groups


LEFTOVERS = chore(
    "leftovers",
    "Remove unused copies of images, and disks that no document names, from datastores.",
    "CLEAR_LEFTOVERS",
    lambda ports: ports.settings.chores.leftovers_s,
    find,
    _work,
)
