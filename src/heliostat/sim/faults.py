"""Everything that goes wrong, by name: one function a fault.

Each takes the cloud, dice, and how long it lasts, and has put things right when it
returns, unless it can't (a guest that crashed stays crashed).  When and how often is
decided by a :mod:`script`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from heliostat.agent.hypervisors.contract import End
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.sim.cloud import Cloud
from heliostat.sim.controller import ControllerMachine
from heliostat.sim.host import HostMachine
from heliostat.sim.link import LONGEST_S

T = TypeVar("T")
Fault = Callable[[Cloud, random.Random, float], Awaitable[None]]

MINUTE_MS = 60_000
LONGEST_JUMP_MS = 20 * MINUTE_MS
_VERBS = ("start", "save", "plug", "unplug", "create_disk", "press_power")


def _host(cloud: Cloud, dice: random.Random) -> HostMachine | None:
    return dice.choice(list(cloud.hosts.values())) if cloud.hosts else None


def _controller(cloud: Cloud, dice: random.Random) -> ControllerMachine:
    return dice.choice(cloud.controllers)


async def host_dies(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """Power fails: guests and agent are gone, the disk stays."""
    if (host := _host(cloud, dice)) is not None:
        cloud.log.tell(f"fault: {host.name} dies for {lasts_s:.0f} s")
        await host.die()
        await asyncio.sleep(lasts_s)
        if host.id in cloud.hosts:
            await host.start()


async def agent_killed(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """The agent is killed; its guests run on."""
    if (host := _host(cloud, dice)) is not None:
        cloud.log.tell(f"fault: the agent of {host.name} is killed for {lasts_s:.0f} s")
        await host.kill_agent()
        await asyncio.sleep(lasts_s)
        if host.id in cloud.hosts:
            await host.start()


async def agent_restarts(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """The agent is shut down in an orderly way and comes back."""
    if (host := _host(cloud, dice)) is not None:
        cloud.log.tell(f"fault: the agent of {host.name} restarts")
        await host.stop_agent()
        await asyncio.sleep(lasts_s / 10)
        if host.id in cloud.hosts:
            await host.start()


async def link_severed(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """One connection loses everything until both ends notice."""
    del lasts_s
    live = [each for each in cloud.wires if not each[2].closed]
    if live:
        host, controller, wire = dice.choice(live)
        cloud.log.tell(f"fault: the link of {host.name} to {controller.name} loses everything")
        wire.sever()


async def host_partitioned(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A host reaches no controller for a while."""
    if (host := _host(cloud, dice)) is not None:
        cloud.log.tell(f"fault: {host.name} is cut off for {lasts_s:.0f} s")
        host.cut_until_s = cloud.loop.now_s + lasts_s
        for each, _, wire in cloud.wires:
            if each is host:
                wire.sever()
        await asyncio.sleep(lasts_s)


async def network_slow(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """Every message takes up to a second or so."""
    jitter_s = dice.uniform(0.2, 1.5)
    cloud.log.tell(f"fault: messages take up to {jitter_s:.1f} s for {lasts_s:.0f} s")
    cloud.set_network(jitter_s=jitter_s)
    await asyncio.sleep(lasts_s)
    cloud.set_network(jitter_s=LONGEST_S)


async def messages_twice(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """Some messages to agents arrive twice."""
    cloud.log.tell(f"fault: messages arrive twice for {lasts_s:.0f} s")
    cloud.set_network(twice=dice.uniform(0.1, 0.6))
    await asyncio.sleep(lasts_s)
    cloud.set_network(twice=0.0)


async def messages_late(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """Some messages to agents are overtaken by later ones."""
    cloud.log.tell(f"fault: messages overtake each other for {lasts_s:.0f} s")
    cloud.set_network(late=dice.uniform(0.1, 0.6))
    await asyncio.sleep(lasts_s)
    cloud.set_network(late=0.0)


async def fetch_fails(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A host's next fetches of image content are cut off, or bring other bytes."""
    del lasts_s
    if (host := _host(cloud, dice)) is not None:
        if dice.random() < 0.7:
            host.spoiled.cuts += dice.randint(1, 3)
        else:
            host.spoiled.corrupt += 1
        cloud.log.tell(f"fault: {host.name} will fetch badly")


async def disk_full(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A host's disk takes nothing more for a while."""
    if (host := _host(cloud, dice)) is not None:
        cloud.log.tell(f"fault: the disk of {host.name} is full for {lasts_s:.0f} s")
        host.disk.full = True
        await asyncio.sleep(lasts_s)
        host.disk.full = False


async def hypervisor_fails(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """The next time a host starts, saves, plugs … it fails, perhaps for good."""
    del lasts_s
    if (host := _host(cloud, dice)) is not None:
        verb = dice.choice(_VERBS)
        kind: type[HeliostatError] = TemporaryError if dice.random() < 0.6 else HeliostatError
        host.guests.fail_next(verb, kind("HypervisorFailed", f"The simulated {verb} failed."))
        cloud.log.tell(f"fault: the next {verb} on {host.name} fails ({kind.__name__})")


async def guest_ends(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A guest crashes, or powers itself off."""
    del lasts_s
    guests = [(host, id_) for host in cloud.hosts.values() for id_ in host.guests.running]
    if guests:
        host, vm_id = dice.choice(guests)
        how = End.CRASH if dice.random() < 0.7 else End.CLEAN
        cloud.log.tell(f"fault: the guest {vm_id[:8]} on {host.name} ends: {how}")
        host.guests.end(vm_id, how)


async def guest_deaf(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A guest does not react to its power button."""
    guests = [each for host in cloud.hosts.values() for each in host.guests.running.values()]
    if guests:
        guest = dice.choice(guests)
        cloud.log.tell(f"fault: the guest {guest.spec.id[:8]} ignores its power button")
        guest.heeds_power = False
        await asyncio.sleep(lasts_s)
        guest.heeds_power = True


async def store_away(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """One controller, or all of them, do not reach the store for a while."""
    chosen = cloud.controllers if dice.random() < 0.3 else [_controller(cloud, dice)]
    lasts_s = lasts_s / 3
    cloud.log.tell(f"fault: {len(chosen)} controller(s) don't reach the store for {lasts_s:.0f} s")
    for each in chosen:
        each.view.away_until_s = cloud.loop.now_s + lasts_s
    await asyncio.sleep(lasts_s)


async def store_slow(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """Commits of one controller take seconds."""
    view = _controller(cloud, dice).view
    view.slow_s, view.slow_until_s = dice.uniform(0.1, 4.0), cloud.loop.now_s + lasts_s
    cloud.log.tell(f"fault: commits of a controller take {view.slow_s:.1f} s for {lasts_s:.0f} s")
    await asyncio.sleep(lasts_s)


async def answers_lost(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """The next commits of a controller happen, and it is not told."""
    del lasts_s
    controller = _controller(cloud, dice)
    controller.view.answers_to_lose = dice.randint(1, 4)
    cloud.log.tell(
        f"fault: {controller.view.answers_to_lose} answers to {controller.name} get lost"
    )


async def controller_dies(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A controller dies at one of its next commits, which reaches the store or does not."""
    controller = _controller(cloud, dice)
    view = controller.view
    view.dies_unapplied = dice.random() < 0.5
    view.commits_to_live = dice.randint(1, 12)
    how = "before" if view.dies_unapplied else "after"
    cloud.log.tell(
        f"fault: {controller.name} dies {how} its commit {view.commits_to_live} from now"
    )
    await asyncio.sleep(lasts_s)
    if not view.dead:
        view.commits_to_live = None
    await controller.start()


async def controller_restarts(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """A controller is shut down in an orderly way and comes back."""
    controller = _controller(cloud, dice)
    cloud.log.tell(f"fault: {controller.name} restarts")
    await controller.stop()
    await asyncio.sleep(lasts_s / 10)
    await controller.start()


async def clock_jumps(cloud: Cloud, dice: random.Random, lasts_s: float) -> None:
    """The wall clock of a controller or a host is minutes off for a while."""
    host = _host(cloud, dice)
    clock = host.clock if host is not None and dice.random() < 0.5 else None
    clock = clock if clock is not None else _controller(cloud, dice).clock
    clock.skew_ms = dice.randint(-LONGEST_JUMP_MS, LONGEST_JUMP_MS)
    cloud.log.tell(f"fault: a clock is {clock.skew_ms / 1000:.0f} s off")
    await asyncio.sleep(lasts_s)
    clock.skew_ms = 0


FAULTS: Mapping[str, Fault] = {
    each.__name__.replace("_", "-"): each
    for each in (
        host_dies,
        agent_killed,
        agent_restarts,
        link_severed,
        host_partitioned,
        network_slow,
        messages_twice,
        messages_late,
        fetch_fails,
        disk_full,
        hypervisor_fails,
        guest_ends,
        guest_deaf,
        store_away,
        store_slow,
        answers_lost,
        controller_dies,
        controller_restarts,
        clock_jumps,
    )
}
