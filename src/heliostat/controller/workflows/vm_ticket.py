"""Tickets that open a VM's screen or console once, for programs that can't send a token.

A browser's WebSocket sends no headers, so what it may open is named in the address.
Only a ticket's digest is a key in the store; it is used up by the commit that
deletes that key, so however many controllers are asked, one opens the door.
"""

from __future__ import annotations

import hashlib

import msgspec

from heliostat.cloudstore.contract import AtRevision, Change, CloudStore, Delete, GuardFailed, Put
from heliostat.cloudstore.documents import decode, encode
from heliostat.controller.model.vm import VmState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import VM, VMS
from heliostat.controller.workflows.requests import completed
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError

PREFIX = "/v1/vm-ticket/"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Who may open a door of one VM, and until when."""

    subject: str
    expires_ms: int
    schema: int = 1


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where clients come in, the SHA-256 of the certificate they meet there, how long they may."""

    host: str
    port: int
    thumbprint: str
    lifetime_s: float


async def vm_mks_ticket(ports: Ports, caller: Caller, vm_id: str, door: Door) -> Admission:
    """A ticket to the screen of a STARTED VM, in the task's resource properties."""
    stored = await reading.vm(ports.store, vm_id)
    vm = stored.value
    if vm.state is not VmState.STARTED:
        raise PermanentError(
            "InvalidVmState",
            f"The VM {vm.name} is {vm.state}; its screen can be seen while it is STARTED.",
            data={"state": vm.state.value, "allowed": [VmState.STARTED.value]},
        )
    secret = ports.ids.secret()
    now_ms = ports.clock.now_ms()
    ticket = Ticket(subject=caller.subject, expires_ms=now_ms + round(door.lifetime_s * 1000))
    task = completed(
        ports,
        caller,
        "GET_MKS_TICKET",
        VM,
        vm_id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
    )
    task.resource_properties = {
        "host": door.host,
        "port": door.port,
        "cfg_file": f"/v1/vms/{vm_id}/vnc",
        "ticket": secret,
        "ssl_thumbprint": door.thumbprint,
    }
    expired = await _tickets(ports.store, vm_id, expired_at_ms=now_ms)
    return Admission(
        task, (VMS.guard(stored),), (*expired, Put(_key(vm_id, secret), encode(ticket)))
    )


async def redeem(store: CloudStore, clock: Clock, vm_id: str, secret: str) -> str:
    """Use a ticket up; whom it was issued to.  Raises ``InvalidTicket``."""
    key = _key(vm_id, secret)
    document = await store.get(key)
    if document is None:
        raise _invalid("This ticket opens nothing here: it was used, or is of another VM.")
    ticket = decode(Ticket, document)
    try:
        await store.commit([AtRevision(key, document.revision)], [Delete(key)])
    except GuardFailed as error:
        raise _invalid("This ticket was used a moment ago.") from error
    if ticket.expires_ms <= clock.now_ms():
        raise _invalid("This ticket has expired.")
    return ticket.subject


async def forgotten(store: CloudStore, vm_id: str) -> list[Change]:
    """The changes that leave no ticket of a VM that goes."""
    return await _tickets(store, vm_id, expired_at_ms=None)


async def _tickets(store: CloudStore, vm_id: str, *, expired_at_ms: int | None) -> list[Change]:
    page = await store.list(f"{PREFIX}{vm_id}/")
    return [
        Delete(document.key)
        for document in page.items
        if expired_at_ms is None or decode(Ticket, document).expires_ms <= expired_at_ms
    ]


def _key(vm_id: str, secret: str) -> str:
    return f"{PREFIX}{vm_id}/{hashlib.sha256(secret.encode()).hexdigest()}"


def _invalid(sentence: str) -> PermanentError:
    return PermanentError("InvalidTicket", sentence)
