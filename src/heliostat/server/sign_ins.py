"""Attempts to sign in, as records of the audit trail."""

from __future__ import annotations

from aiohttp import web

from heliostat.controller.api.app import SERVICES
from heliostat.controller.api.recording import sign_in_record
from heliostat.controller.trail.record import Proof
from heliostat.identity.records import Grant
from heliostat.identity.tokens.sign_in_attempt import SignIn

_PROOFS: dict[str, Proof] = {
    Grant.PASSWORD: Proof.PASSWORD,
    Grant.CLIENT_CREDENTIALS: Proof.KEY,
    Grant.AUTHORIZATION_CODE: Proof.TOKEN,
}


async def tell(request: web.Request, attempt: SignIn) -> None:
    """Record an attempt: a granted one before it is answered, a refused one soon."""
    services = request.app[SERVICES]
    record = sign_in_record(
        services,
        request,
        subject=attempt.subject,
        client=attempt.client,
        proof=_PROOFS.get(attempt.grant, Proof.NONE),
        error=attempt.error,
    )
    if attempt.error is None:
        await services.trail.write(record)
    else:
        services.trail.note(record)
