"""Machines that join a directory, and that stay members of it."""

from __future__ import annotations

import base64

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Applies, Handler
from heliostat.controller.api.machine_ports import MachinesPort, MemberRecord
from heliostat.controller.api.recording import note_proven
from heliostat.controller.trail.record import Proof
from heliostat.controller.workflows import reading
from heliostat.wire import machines as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "computer"


async def _machines(call: Call) -> MachinesPort:
    return await call.services.directories.machines(call.params[TENANT])


async def _invite(call: Call, plan: bool) -> wire.MachineInvitation:
    machines = await _machines(call)
    made = await machines.invite(call.params[wire.COMPUTER], unit=call.body.unit, plan=plan)
    return wire.MachineInvitation(
        computer=made.computer, token=made.token, expires_time=made.expires_ms
    )


async def _join(call: Call, plan: bool) -> wire.MachineMembership:
    body: wire.MachineJoin = call.body
    machines = await _machines(call)
    member = await machines.join(body.secret, body.request, body.operating_system, plan=plan)
    note_proven(call, member.subject, Proof.TICKET)
    return _told(member)


async def _refresh(call: Call, plan: bool) -> wire.MachineMembership:
    body: wire.MachineRefresh = call.body
    machines = await _machines(call)
    member = await machines.refresh(body.assertion, body.request, body.operating_system, plan=plan)
    note_proven(call, member.subject, Proof.KEY)
    return _told(member)


async def _give_key(call: Call, plan: bool) -> wire.MachineKey:
    machines = await _machines(call)
    made = await machines.give_key(call.body.assertion, plan=plan)
    note_proven(call, made.subject, Proof.KEY)
    return wire.MachineKey(
        computer=made.computer,
        service=made.service,
        key=made.key,
        keytab=base64.b64encode(made.keytab).decode(),
    )


async def _identify(call: Call, plan: bool) -> wire.WorkloadIdentity:
    body: wire.WorkloadSpec = call.body
    workloads = await call.services.directories.workloads(call.params[TENANT])
    found = await workloads.issue(
        body.assertion, body.name, audience=body.audience, csr_pem=body.request, plan=plan
    )
    note_proven(call, found.spiffe_id, Proof.KEY)
    return wire.WorkloadIdentity(
        spiffe_id=found.spiffe_id,
        token=found.token,
        expires_time=found.expires_ms,
        certificate=found.chain,
    )


async def _invite_vm(call: Call, plan: bool) -> wire.MachineInvitation:
    """Into the site's own directory, whoever's the project is; and not to read it."""
    vm = (await reading.vm(call.store, call.id)).value
    machines = await call.services.directories.machines(call.services.settings.auth.domain)
    made = await machines.invite(f"vm-{vm.id}", project=vm.project_id, vm=vm.id, plan=plan)
    return wire.MachineInvitation(
        computer=made.computer, token=made.token, expires_time=made.expires_ms
    )


def _told(member: MemberRecord) -> wire.MachineMembership:
    directory, kerberos = member.directory, member.kerberos
    return wire.MachineMembership(
        computer=member.computer,
        domain=member.domain,
        issuer=member.issuer,
        certificate=member.chain,
        roots=list(member.roots),
        crls=list(member.crls),
        directory=wire.DirectoryServers(
            servers=list(directory.servers),
            base=directory.base,
            bind_dn=directory.bind_dn,
            disabled=directory.disabled,
            backup=list(directory.backup),
            secret=directory.secret,
        )
        if directory is not None
        else None,
        kerberos=wire.KerberosServers(
            realm=kerberos.realm,
            servers=list(kerberos.servers),
            password_servers=list(kerberos.password_servers),
            service=kerberos.service,
            key=kerberos.key,
            log_in=kerberos.log_in,
        )
        if kerberos is not None
        else None,
    )


HANDLERS: dict[str, Handler] = {
    "inviteMachine": Applies(_invite, KIND),
    "joinMachine": Applies(_join, KIND),
    "refreshMachine": Applies(_refresh, KIND),
    "giveMachineKey": Applies(_give_key, KIND),
    "identifyWorkload": Applies(_identify, "workload"),
    "inviteVm": Applies(_invite_vm, KIND),
}
