"""What of a request goes into the audit trail, and when.

A task's admission carries its record in its own commit.  Everything else is
recorded here, around the handler: a change that committed by itself before it
is acknowledged, refusals and failures soon after.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from heliostat.cloudstore.contract import Change
from heliostat.controller.api.access import TicketHolder
from heliostat.controller.api.boundary import CALLER, CLIENT_GONE, REQUEST_ID
from heliostat.controller.api.call import Call, Services
from heliostat.controller.api.forwarded import Network, client_address
from heliostat.controller.trail.record import Proof, Record, Result, record_id, result_of
from heliostat.controller.workflows.admission import Admission
from heliostat.core.errors import HeliostatError
from heliostat.wire import directory_tenants
from heliostat.wire.route import Route

RECORDED = web.RequestKey("recorded", bool)
"""Set once a request's record is written or on its way."""

_PROVEN = web.RequestKey("proven", tuple[str, Proof])
"""Who the body of a request proved to be, and how."""

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: struct ucred of <sys/socket.h>
_REFUSED = (401, 403)


def note_proven(call: Call, subject: str, proof: Proof) -> None:
    """For routes without a token: whom the request itself has proven to come from."""
    call.request[_PROVEN] = (subject, proof)


def is_recorded(route: Route, request: web.Request) -> bool:
    """Changes, opened consoles and tickets are; plans change nothing and are not."""
    changes = route.mutating and request.query.get("plan", "").lower() != "true"
    return changes or route.websocket or route.hands_out


def admission_record(call: Call, admission: Admission) -> list[Change]:
    """The record of an admission, for the commit that makes it."""
    task = admission.task
    return call.services.trail.changes(
        _record(
            call.services,
            call.route,
            call.request,
            status=call.route.status,
            entity_kind=task.entity_kind,
            entity_id=task.entity_id,
            tenant_id=task.tenant_id,
            project_id=task.project_id,
            task_id=task.id,
        )
    )


async def record_answer(
    services: Services,
    route: Route,
    request: web.Request,
    answer: web.StreamResponse,
) -> None:
    """Record what was done, unless its own commit did."""
    if RECORDED in request or not is_recorded(route, request):
        return
    kind, id_ = _owner(route, request, _made(answer))
    record = _record(
        services, route, request, status=answer.status, entity_kind=kind, entity_id=id_
    )
    await services.trail.write(record)


def note_done(call: Call) -> None:
    """Record soon what changed nothing (a repeated request) or may last for days (a console)."""
    call.request[RECORDED] = True
    kind, id_ = _owner(call.route, call.request)
    record = _record(
        call.services,
        call.route,
        call.request,
        status=call.route.status,
        entity_kind=kind,
        entity_id=id_,
    )
    call.services.trail.note(record)


def note_failure(
    services: Services,
    route: Route,
    request: web.Request,
    error: BaseException,
) -> int:
    """Record what was refused, or what should have changed something and failed; its status."""
    status, code = _told(error)
    if status not in _REFUSED and (RECORDED in request or not is_recorded(route, request)):
        return status
    kind, id_ = _owner(route, request)
    services.trail.note(
        _record(
            services,
            route,
            request,
            status=status,
            code=code,
            entity_kind=kind,
            entity_id=id_,
        )
    )
    return status


def _told(error: BaseException) -> tuple[int, str]:
    """Status and code of a failure."""
    if isinstance(error, HeliostatError):
        return error.status, error.code
    if isinstance(error, web.HTTPException):
        return error.status, "InvalidEntity"
    if isinstance(error, ConnectionError):
        return CLIENT_GONE, ""
    return 500, "InternalError"


def sign_in_record(
    services: Services,
    request: web.Request,
    *,
    subject: str,
    client: str,
    proof: Proof,
    error: HeliostatError | None,
    operation: str = "signIn",
    entity: str = "",
) -> Record:
    """The record of a sign-in that was granted or refused, or of what was done on its pages."""
    now_ms = services.ports.clock.now_ms()
    status = error.status if error is not None else 200
    return Record(
        id=record_id(now_ms, request[REQUEST_ID]),
        time_ms=now_ms,
        operation=operation,
        entity_id=entity[:64],
        result=Result.DONE if error is None else Result.REFUSED,
        status=status,
        subject=subject,
        client=client,
        proof=proof if error is None else Proof.NONE,
        method=request.method,
        path=request.path[:200],
        code=error.code if error is not None else "",
        request_id=request[REQUEST_ID],
        **origin(request, services.settings.trusted_proxies),
    )


def origin(request: web.Request, trusted: tuple[Network, ...]) -> dict[str, Any]:
    """Where a request comes from: an address, or the Unix user at the other end of a socket."""
    transport = request.transport
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is None or connection.family != socket.AF_UNIX:
        told = request.headers.getall("X-Forwarded-For", ())
        return {"address": (client_address(request.remote, told, trusted) or "")[:64]}
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return {"address": "unix", "uid": _CREDENTIALS.unpack(raw)[1]}


class _Made(msgspec.Struct):
    """The part of an answer that names what was made."""

    name: str = ""
    id: str = ""


def _made(answer: web.StreamResponse) -> str:
    """What a directory's answer says it made; directories know things by name."""
    if not isinstance(answer, web.Response) or not isinstance(answer.body, bytes):
        return ""
    try:
        made = msgspec.json.decode(answer.body, type=_Made)
    except msgspec.MsgspecError:
        return ""
    return (made.name or made.id)[:80]


def _proof(request: web.Request) -> Proof:
    """How the caller proved who it is."""
    principal = request.get(CALLER)
    if principal is None:
        return Proof.NONE
    if isinstance(principal, TicketHolder):
        return Proof.TICKET
    return Proof.TOKEN if "Authorization" in request.headers else Proof.PEER


def _owner(route: Route, request: web.Request, made: str = "") -> tuple[str, str]:
    """Kind and id of what the path names, or of what was ``made``."""
    if route.path.startswith(directory_tenants.BASE):
        return _in_directory(route, request.match_info, made)
    if route.owner is not None:
        return route.owner.kind, request.match_info[route.owner.parameter][:80]
    kind = route.path.removeprefix("/v1/").partition("/")[0]
    return kind.removesuffix("s"), next(iter(request.match_info.values()), made)[:80]


def _record(
    services: Services,
    route: Route,
    request: web.Request,
    *,
    status: int,
    **facts: Any,
) -> Record:
    now_ms = services.ports.clock.now_ms()
    request_id = request[REQUEST_ID]
    principal = request.get(CALLER)
    unsaid = (str(getattr(principal, "subject", "")), _proof(request))
    subject, proof = request.get(_PROVEN, unsaid)
    return Record(
        id=record_id(now_ms, request_id),
        time_ms=now_ms,
        operation=route.operation,
        result=result_of(status),
        status=status,
        subject=subject,
        proof=proof,
        client=str(getattr(principal, "client", "")),
        method=route.method,
        path=request.path[:200],
        request_id=request_id,
        **origin(request, services.settings.trusted_proxies),
        **facts,
    )


def _in_directory(route: Route, params: Mapping[str, str], made: str) -> tuple[str, str]:
    """A tenant of the directory, or somebody in it, as ``name@domain``."""
    domain = params.get(directory_tenants.TENANT, made)[:80]
    noun = route.path.removeprefix(directory_tenants.BASE).split("/")[2:3]
    if not noun:
        return "directory-tenant", domain
    name = params.get("id", made)[:80]
    return noun[0].removesuffix("s"), f"{name}@{domain}" if name else domain
