"""Attempts to sign in, as records of the audit trail."""

from __future__ import annotations

from aiohttp import web

from heliostat.controller.api.app import SERVICES
from heliostat.controller.api.recording import sign_in_record
from heliostat.controller.trail.record import Proof
from heliostat.identity.records import Grant
from heliostat.identity.tokens.sign_in_attempt import SignIn


async def tell(request: web.Request, attempt: SignIn) -> None:
    """Record an attempt: a granted one before it is answered, a refused one soon."""
    services = request.app[SERVICES]
    record = sign_in_record(
        services,
        request,
        subject=attempt.subject,
        client=attempt.client,
        proof=Proof.PASSWORD if attempt.grant == Grant.PASSWORD else Proof.KEY,
        error=attempt.error,
    )
    if attempt.error is None:
        await services.trail.write(record)
    else:
        services.trail.note(record)
