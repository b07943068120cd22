"""Machines of a directory, by tenant: their tokens to join with, and their own calls."""

from __future__ import annotations

from heliostat.client.calls import Change
from heliostat.client.transport import Transport
from heliostat.wire.machines import (
    MachineInvitation,
    MachineInvitationSpec,
    MachineJoin,
    MachineKey,
    MachineKeySpec,
    MachineMembership,
    MachineRefresh,
    WorkloadIdentity,
    WorkloadSpec,
)


class Machines:
    """Machines of the tenant with a domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def invite(self, domain: str, computer: str, *, unit: str = "") -> Change[MachineInvitation]:
        """A token with which one machine joins as ``computer``; the entry is made if need be."""
        body = MachineInvitationSpec(unit=unit)
        return Change(self._transport, "inviteMachine", (domain, computer), MachineInvitation, body)

    def invite_vm(self, vm_id: str) -> Change[MachineInvitation]:
        """A token with which a VM joins the site's directory, bound to it and its project."""
        return Change(self._transport, "inviteVm", (vm_id,), MachineInvitation)

    def identify(self, domain: str, body: WorkloadSpec) -> Change[WorkloadIdentity]:
        """A program's identity, by its machine's assertion; needs no sign-in."""
        return Change(self._transport, "identifyWorkload", (domain,), WorkloadIdentity, body)

    def give_key(self, domain: str, body: MachineKeySpec) -> Change[MachineKey]:
        """A key in the tenant's realm, by a machine's assertion; needs no sign-in."""
        return Change(self._transport, "giveMachineKey", (domain,), MachineKey, body)

    def join(self, domain: str, body: MachineJoin) -> Change[MachineMembership]:
        """Become a member, with the secret of a token; needs no sign-in."""
        return Change(self._transport, "joinMachine", (domain,), MachineMembership, body)

    def refresh(self, domain: str, body: MachineRefresh) -> Change[MachineMembership]:
        """Stay a member, by an assertion under the machine's key; needs no sign-in."""
        return Change(self._transport, "refreshMachine", (domain,), MachineMembership, body)
