"""The token endpoint on the wire: a form comes, tokens go, and the attempt is told."""

from __future__ import annotations

import msgspec
from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.clients.records import Grant
from heliostat.identity.kerberos import negotiate
from heliostat.identity.kerberos.acceptor import Accepted
from heliostat.identity.names import fold, subject_of
from heliostat.identity.realm import Realm
from heliostat.identity.site import Identity
from heliostat.identity.tokens.asking import form_of, realm_of
from heliostat.identity.tokens.assertions import issuer_of
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.refusals import UNKEPT, refused_grant
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell
from heliostat.identity.tokens.token_messages import TokenAnswer, TokenRequest

_WAITING = frozenset({"AuthorizationPending", "SlowDown"})


class TokenEndpoint:
    """``tell`` hears of every attempt, granted or not, before it is answered."""

    def __init__(self, identity: Identity, tell: Tell) -> None:
        self._identity = identity
        self._tell = tell

    async def token(self, request: web.Request) -> web.StreamResponse:
        asked: TokenRequest | None = None
        realm = self._identity.realms.system
        try:
            realm = await realm_of(self._identity, request)
            asked = _token_request(await form_of(request))
            shown = await self._shown(request, realm, asked)
            answer = await realm.grants.answer(asked, shown.person if shown else None)
        except HeliostatError as error:
            await self._told(request, realm, asked, error)
            return refused_grant(error, request, asked)
        await self._told(request, realm, asked, None, _subject(realm, asked, answer))
        proof = negotiate.answered(shown.answer) if shown else {}
        return web.Response(
            body=msgspec.json.encode(answer),
            content_type="application/json",
            charset="utf-8",
            headers={**UNKEPT, **proof},
        )

    async def _shown(
        self, request: web.Request, realm: Realm, asked: TokenRequest
    ) -> Accepted | None:
        """Who shows a ticket with the request, where one is asked for."""
        token = negotiate.token_of(request) if asked.grant_type == Grant.TICKET else None
        if token is None:
            return None
        return await self._identity.acceptor.accept(realm, token, over_tls=request.secure)

    async def _told(
        self,
        request: web.Request,
        realm: Realm,
        asked: TokenRequest | None,
        error: HeliostatError | None,
        subject: str = "",
    ) -> None:
        """Renewing a session is no sign-in, so only its refusal is told; nor is waiting for one."""
        grant = asked.grant_type if asked is not None else ""
        if grant == Grant.REFRESH and error is None:
            return
        if error is not None and error.code in _WAITING:
            return
        if not subject and asked is not None and asked.username:
            subject = await realm.people.subject(asked.username)
        client = asked.client_id[:80] if asked is not None else ""
        if asked is not None and error is None and asked.client_assertion and not client:
            client = issuer_of(asked.client_assertion)
        await self._tell(request, SignIn(grant, subject, client, error))


def _subject(realm: Realm, asked: TokenRequest, answer: TokenAnswer) -> str:
    """Whom a token is about that was just given."""
    if asked.grant_type == Grant.CLIENT_CREDENTIALS and asked.client_id:
        return subject_of(fold(asked.client_id), realm.options.domain)
    return str(unverified(answer.access_token)[1].get("sub", ""))


def _token_request(fields: dict[str, str]) -> TokenRequest:
    known = {name: fields[name] for name in TokenRequest.__struct_fields__ if name in fields}
    if not known.get("grant_type"):
        raise PermanentError("InvalidEntity", "The field grant_type is missing.")
    return TokenRequest(**known)
