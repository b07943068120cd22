"""Synchronising hosts: what they have is read anew, what they are asked for brought in line.

Both happen by themselves when something changes; this is for an operator who does
not want to wait, or to believe it.
"""

from __future__ import annotations

import msgspec

from heliostat.agentlink.messages import HostFacts
from heliostat.controller.model.datastore import SITE
from heliostat.controller.model.host import Host, HostState
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.kinds import DEPLOYMENT, HOSTS
from heliostat.controller.workflows.replicas import align
from heliostat.controller.workflows.requests import queued
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow


async def hosts_sync(ports: Ports, caller: Caller) -> Admission:
    """Ask every host what it has; hosts that don't answer are named, and no obstacle."""
    return Admission(queued(ports, caller, SYNC_HOSTS_CONFIG, DEPLOYMENT, SITE), (), ())


async def _sync(ctx: StepContext) -> Done:
    ports = ports_of(ctx)
    silent: list[str] = []
    hosts = [each.value for each in await HOSTS.all(ctx.store)]
    joined = [each for each in hosts if each.state is not HostState.NOT_PROVISIONED]
    for number, host in enumerate(joined):
        ctx.waiting_for(f"{number} of {len(joined)} hosts have been asked")
        ctx.progressed(number, len(joined))
        fault = await _ask(ports, host)
        if fault:
            silent.append(f"{host.address}: {fault}")
    ctx.progressed(len(joined), len(joined))
    moves = await align(ctx.store, ctx.commit, ports.settings.image_copies_at_once)
    ctx.explain(
        "hosts",
        f"{len(joined) - len(silent)} of {len(joined)} hosts told what they have; "
        f"{len(moves.ask)} copies of images were asked for, {len(moves.withdraw)} withdrawn.",
        silent=silent,
    )
    return Done(result={"synchronised": len(joined) - len(silent), "silent": silent})


async def _ask(ports: Ports, host: Host) -> str:
    """Take over what the host has now; why not, or empty."""
    try:
        answer = await ports.agents.request(host.id, "host.facts", {})
        facts = msgspec.convert(answer["facts"], type=HostFacts)
        await host_seen(ports.store, host.id, facts, now_ms=ports.clock.now_ms())
    except (HeliostatError, msgspec.ValidationError, KeyError) as error:
        return str(error)
    return ""


SYNC_HOSTS_CONFIG = Workflow(
    "SYNC_HOSTS_CONFIG", (StepDefinition("SYNC_HOSTS_CONFIG", _sync, expected_s=300.0),)
)
