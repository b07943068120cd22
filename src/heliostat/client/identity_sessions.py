"""Who is signed in where, and whom people have let in."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages
from heliostat.client.transport import Transport
from heliostat.wire.identity_sessions import (
    IdentityConsent,
    IdentityConsentList,
    IdentitySession,
    IdentitySessionList,
    IdentitySessionsEnd,
)


class IdentitySessions:
    """Sessions, by domain, and the caller's own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def own(self) -> Iterator[IdentitySession]:
        return pages(self._transport, "listOwnSessions", answer=IdentitySessionList)

    def end_own(self, session_id: str) -> Change[None]:
        return Change(self._transport, "endOwnSession", (session_id,), NoneType)

    def list(self, domain: str, *, user: str = "") -> Iterator[IdentitySession]:
        return pages(
            self._transport,
            "listIdentitySessions",
            domain,
            answer=IdentitySessionList,
            query={"user": user},
        )

    def end(self, domain: str, session_id: str) -> Change[None]:
        return Change(self._transport, "endIdentitySession", (domain, session_id), NoneType)

    def end_all(self, domain: str, user: str) -> Change[None]:
        """All sessions of a user."""
        body = IdentitySessionsEnd(user=user)
        return Change(self._transport, "endIdentitySessions", (domain,), NoneType, body)


class IdentityConsents:
    """Consents, by domain, and the caller's own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def own(self) -> Iterator[IdentityConsent]:
        return pages(self._transport, "listOwnConsents", answer=IdentityConsentList)

    def withdraw_own(self, consent_id: str) -> Change[None]:
        return Change(self._transport, "withdrawOwnConsent", (consent_id,), NoneType)

    def list(self, domain: str, *, user: str = "") -> Iterator[IdentityConsent]:
        return pages(
            self._transport,
            "listIdentityConsents",
            domain,
            answer=IdentityConsentList,
            query={"user": user},
        )

    def withdraw(self, domain: str, consent_id: str) -> Change[None]:
        return Change(self._transport, "withdrawIdentityConsent", (domain, consent_id), NoneType)
