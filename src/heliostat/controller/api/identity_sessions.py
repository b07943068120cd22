"""Sessions and consents of a directory's people."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.session_ports import (
    ConsentRecord,
    ConsentsPort,
    SessionRecord,
    SessionsPort,
)
from heliostat.core.errors import PermanentError
from heliostat.wire import identity_sessions as wire
from heliostat.wire.directory_tenants import TENANT

SESSION = "identity-session"
CONSENT = "identity-consent"


def show_session(session: SessionRecord) -> wire.IdentitySession:
    return wire.IdentitySession(
        id=session.id,
        kind=SESSION,
        what=session.what,
        subject=session.subject,
        begun_time=session.begun_ms,
        expires_time=session.expires_ms,
        client=session.client,
        scope=session.scope,
        browser=session.browser,
    )


def show_consent(consent: ConsentRecord) -> wire.IdentityConsent:
    return wire.IdentityConsent(
        id=consent.id,
        kind=CONSENT,
        subject=consent.subject,
        client=consent.client,
        scopes=list(consent.scopes),
        given_time=consent.given_ms,
    )


async def _list(call: Call) -> wire.IdentitySessionList:
    sessions = await call.services.directories.sessions(call.params[TENANT])
    return await _page(call, await sessions.list_sessions(call.query.get("user") or ""))


async def _list_own(call: Call) -> wire.IdentitySessionList:
    return await _page(call, await _own(call))


async def _page(call: Call, found: Sequence[SessionRecord]) -> wire.IdentitySessionList:
    page = await paginate(call, of_names(call.store, list(found), None))
    return wire.IdentitySessionList(
        items=[show_session(each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _own(call: Call) -> list[SessionRecord]:
    """The caller's, in the tenant that has signed the caller in; programs have none."""
    sessions = await _where_signed_in(call)
    return list(await sessions.list_sessions(call.caller.subject))


async def _end_own(call: Call, plan: bool) -> None:
    if call.id not in [each.id for each in await _own(call)]:
        raise PermanentError("SessionNotFound", f"You have no session {call.id[:80]}.")
    await (await _where_signed_in(call)).end_session(call.id, plan=plan)


async def _where_signed_in(call: Call) -> SessionsPort:
    assert call.principal is not None
    return await call.services.directories.sessions(call.principal.tenant)


async def _end(call: Call, plan: bool) -> None:
    sessions = await call.services.directories.sessions(call.params[TENANT])
    await sessions.end_session(call.id, plan=plan)


async def _end_all(call: Call, plan: bool) -> None:
    sessions = await call.services.directories.sessions(call.params[TENANT])
    await sessions.end_sessions(call.body.user, plan=plan)


async def _list_consents(call: Call) -> wire.IdentityConsentList:
    consents = await call.services.directories.consents(call.params[TENANT])
    return await _page_of(call, await consents.list_consents(call.query.get("user") or ""))


async def _list_own_consents(call: Call) -> wire.IdentityConsentList:
    return await _page_of(call, await _own_consents(call))


async def _page_of(call: Call, found: Sequence[ConsentRecord]) -> wire.IdentityConsentList:
    page = await paginate(call, of_names(call.store, list(found), None))
    return wire.IdentityConsentList(
        items=[show_consent(each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _withdraw(call: Call, plan: bool) -> None:
    consents = await call.services.directories.consents(call.params[TENANT])
    await consents.withdraw(call.id, plan=plan)


async def _own_consents(call: Call) -> Sequence[ConsentRecord]:
    """The caller's, in the tenant that has signed the caller in; programs have given none."""
    consents = await _where_consents_are(call)
    return await consents.list_consents(call.caller.subject)


async def _withdraw_own(call: Call, plan: bool) -> None:
    if call.id not in [each.id for each in await _own_consents(call)]:
        raise PermanentError("ConsentNotFound", f"You have not agreed to {call.id[:80]!r}.")
    await (await _where_consents_are(call)).withdraw(call.id, plan=plan)


async def _where_consents_are(call: Call) -> ConsentsPort:
    assert call.principal is not None
    return await call.services.directories.consents(call.principal.tenant)


HANDLERS: dict[str, Handler] = {
    "listOwnSessions": Reads(_list_own),
    "endOwnSession": Applies(_end_own, SESSION, again=nothing),
    "listOwnConsents": Reads(_list_own_consents),
    "withdrawOwnConsent": Applies(_withdraw_own, CONSENT, again=nothing),
    "listIdentitySessions": Reads(_list),
    "endIdentitySession": Applies(_end, SESSION, again=nothing),
    "endIdentitySessions": Applies(_end_all, SESSION, again=nothing),
    "listIdentityConsents": Reads(_list_consents),
    "withdrawIdentityConsent": Applies(_withdraw, CONSENT, again=nothing),
}
