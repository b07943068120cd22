"""What hosts have against what the store says (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heliostat.agentlink.messages import GuestState, Reported, ReportedVm
from heliostat.controller.doctor.finding import Area, Finding
from heliostat.controller.model.desired import VM
from heliostat.controller.model.host import Host, HostState
from heliostat.controller.model.vm import Vm, VmState
from heliostat.core.counting import counted

Thing = tuple[str, str, str]
"""Host, kind (``vm``, ``disk``, ``image``) and id."""

_SEEN_AS = {
    VmState.STARTED: frozenset({GuestState.RUNNING}),
    VmState.SUSPENDED: frozenset({GuestState.SUSPENDED}),
    VmState.STOPPED: frozenset({GuestState.STOPPED, GuestState.CRASHED}),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What was asked of hosts (with its revision) and what those that answer say."""

    hosts: Mapping[str, Host]
    vms: Mapping[str, Vm]
    connected: frozenset[str]
    asked: Mapping[Thing, int]
    reported: Mapping[Thing, Reported]


def differences(sight: Sight) -> Iterator[Finding]:
    """Everything in which a host and the store differ."""
    yield from _unseen(sight)
    for thing in sorted(sight.asked):
        if thing[0] in sight.connected:
            yield from _asked(sight, thing)
    for thing in sorted(sight.reported.keys() - sight.asked.keys()):
        host_id, kind, id_ = thing
        if host_id in sight.connected and kind != "image":
            address = _address(sight, host_id)
            yield Finding(
                area=Area.GUESTS,
                message=f"The host {address} has the {kind} {id_}, which nobody asked it for.",
                hint="Its agent removes it by itself; read the agent's log if it stays.",
            )


def _unseen(sight: Sight) -> Iterator[Finding]:
    for host_id, host in sorted(sight.hosts.items()):
        if host_id in sight.connected or host.state is HostState.NOT_PROVISIONED:
            continue
        guests = sum(1 for id_, kind, _ in sight.asked if id_ == host_id and kind == VM)
        yield Finding(
            area=Area.AGENTS,
            message=f"The agent of host {host.address} is not connected; "
            f"{counted(guests, 'VM')} on it can't be looked at.",
            hint=f"See whether the machine runs, then its log; `helio host show {host_id}`.",
        )


def _asked(sight: Sight, thing: Thing) -> Iterator[Finding]:
    host_id, kind, id_ = thing
    address, report = _address(sight, host_id), sight.reported.get(thing)
    if report is None:
        yield Finding(
            area=Area.GUESTS,
            message=f"The host {address} was asked for the {kind} {id_} and says nothing of it.",
            hint="Restart its agent if this stays; it begins with looking at everything.",
        )
    elif report.fault is not None and report.settled:
        yield Finding(
            area=Area.GUESTS,
            message=f"The host {address} gave the {kind} {id_} up: {report.fault.message}",
        )
    elif isinstance(report, ReportedVm):
        yield from _power(sight, address, report, sight.asked[thing])


def _power(sight: Sight, address: str, report: ReportedVm, revision: int) -> Iterator[Finding]:
    vm = sight.vms.get(report.id)
    if vm is None or vm.task_id or not report.settled or report.revision < revision:
        return  # it is being worked on: the difference is the work
    expected = _SEEN_AS.get(vm.state)
    if expected is not None and report.state not in expected:
        yield Finding(
            area=Area.GUESTS,
            message=f"The VM {vm.name} ({vm.id}) is {vm.state}, "
            f"but host {address} sees its guest {report.state}.",
        )


def _address(sight: Sight, host_id: str) -> str:
    host = sight.hosts.get(host_id)
    return host.address if host is not None else host_id
