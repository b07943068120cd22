"""Attempts to sign in, and what LDAP clients write, as records of the audit trail."""

from __future__ import annotations

from aiohttp import web

from heliostat.controller.api.app import SERVICES
from heliostat.controller.api.boundary import REQUEST_ID
from heliostat.controller.api.call import Services
from heliostat.controller.api.recording import origin, sign_in_record
from heliostat.controller.trail.record import Proof, Record, Result, record_id, result_of
from heliostat.controller.trail.writer import Trail
from heliostat.core.clock import Clock
from heliostat.core.codes import CODES
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Grant
from heliostat.identity.kerberos.told import Attempt, Tell
from heliostat.identity.ldap_face.telling import SIGN_IN, Told
from heliostat.identity.ldap_face.telling import Tell as TellOfLdap
from heliostat.identity.tokens.sign_in_attempt import BROWSER, SignIn

_PROOFS: dict[str, Proof] = {
    Grant.PASSWORD: Proof.PASSWORD,
    Grant.CLIENT_CREDENTIALS: Proof.KEY,
    Grant.AUTHORIZATION_CODE: Proof.TOKEN,
    "passkey": Proof.KEY,
    Grant.TICKET: Proof.TICKET,
    "ticket": Proof.TICKET,
    "provider": Proof.TOKEN,
    Grant.DEVICE: Proof.TOKEN,
    Grant.EXCHANGE: Proof.TOKEN,
    "saml": Proof.TOKEN,
    BROWSER: Proof.TOKEN,
}
"""How somebody showed who it is, by grant, or by the first step of a browser's sign-in."""


def kerberos_teller(services: Services) -> Tell:
    """Records what comes in at the Kerberos ports: granted at once, refused soon."""

    async def tell(attempt: Attempt) -> None:
        now_ms, unique = services.ports.clock.now_ms(), services.ports.ids.new_id()
        done = not attempt.code
        record = Record(
            id=record_id(now_ms, unique),
            time_ms=now_ms,
            operation=attempt.act.value,
            result=Result.DONE if done else Result.REFUSED,
            status=200 if done else CODES[attempt.code].status,
            subject=attempt.subject,
            client="kerberos",
            proof=Proof.PASSWORD if done else Proof.NONE,
            code=attempt.code,
            address=attempt.address[:64],
        )
        if done:
            await services.trail.write(record)
        else:
            services.trail.note(record)

    return tell


async def tell_acme(request: web.Request, what: str, by: str, status: int) -> None:
    """Record what came over ACME: done before it is answered, refused soon."""
    services = request.app[SERVICES]
    done = status < 400
    now_ms = services.ports.clock.now_ms()
    record = Record(
        id=record_id(now_ms, request[REQUEST_ID]),
        time_ms=now_ms,
        operation=what,
        result=Result.DONE if done else Result.REFUSED,
        status=status,
        subject=by,
        client="acme",
        proof=Proof.KEY if by else Proof.NONE,
        method=request.method,
        path=request.path[:200],
        request_id=request[REQUEST_ID],
        **origin(request, services.settings.trusted_proxies),
    )
    if done:
        await services.trail.write(record)
    else:
        services.trail.note(record)


def address_of(request: web.Request) -> str:
    """Where a request comes from, by way of trusted proxies, too; ``unix`` for a socket."""
    trusted = request.app[SERVICES].settings.trusted_proxies
    return str(origin(request, trusted)["address"])


async def tell(request: web.Request, attempt: SignIn) -> None:
    """Record an attempt: a granted one before it is answered, a refused one soon."""
    services = request.app[SERVICES]
    record = sign_in_record(
        services,
        request,
        subject=attempt.subject,
        client=attempt.client,
        proof=_PROOFS.get(attempt.grant, Proof.NONE),
        operation=attempt.operation,
        entity=attempt.entity,
        error=attempt.error,
    )
    if attempt.error is None:
        await services.trail.write(record)
    else:
        services.trail.note(record)


def of_ldap(trail: Trail, clock: Clock, ids: Ids) -> TellOfLdap:
    """Records what comes over LDAP, as ``tell`` does for what comes over HTTP."""

    async def tell_of_ldap(told: Told) -> None:
        now_ms, error = clock.now_ms(), told.error
        status = error.status if error is not None else 200
        record = Record(
            id=record_id(now_ms, ids.new_id()),
            time_ms=now_ms,
            operation=told.operation,
            result=result_of(status if told.operation != SIGN_IN or status < 400 else 403),
            status=status,
            subject=told.subject,
            proof=Proof.PASSWORD if error is None or told.operation != SIGN_IN else Proof.NONE,
            method="LDAP",
            path=told.dn[:200],
            address=told.address[:64],
            code=error.code if error is not None else "",
        )
        if error is None:
            await trail.write(record)
        else:
            trail.note(record)

    return tell_of_ldap
