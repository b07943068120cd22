"""What becomes of tokens once they are given: whom they are about, whether they still count,
and calling them back.

An access token proves itself until it ends.  Who asks here learns more: whether its session
goes on and its person is still the same (RFC 7662).  Calling back a token ends its session
(RFC 7009); access tokens that are out already live on where nobody asks.  Our own API does
(``holds``).
"""

from __future__ import annotations

from typing import Any

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.named import named_client, public_id
from heliostat.identity.clients.records import Client
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.names import bare_name, fold
from heliostat.identity.sources.router import Everybody
from heliostat.identity.tokens.claims import TokenClass
from heliostat.identity.tokens.holds import has_credential, stamped
from heliostat.identity.tokens.jose import Claims
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.opened import number, opened, unverified
from heliostat.identity.tokens.scopes import Scope
from heliostat.identity.tokens.sessions import Sessions, is_of

_ANSWERED = (
    "act",
    "scope",
    "client_id",
    "sub",
    "aud",
    "iss",
    "exp",
    "iat",
    "jti",
    "tenant",
    "groups",
    "auth_time",
    "acr",
    "amr",
)


class Standing:
    """Answers questions about the tokens of one tenant."""

    def __init__(
        self,
        people: Everybody,
        directory: DirectoryPart,
        keys: SigningKeys,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._people = people
        self._directory = directory
        self._keys = keys
        self._sessions = sessions
        self._options = directory.options
        self._clock = clock

    async def userinfo(self, token: str) -> dict[str, Any]:
        """Claims about the bearer (OpenID Connect Core, 5.3).

        Raises the errors of ``opened``, ``InvalidAuthToken`` for one that counts no longer,
        and ``InvalidScope`` for one without ``openid``.
        """
        claims = await self._opened(token, TokenClass.ACCESS)
        scope = Scope(tuple(str(claims.get("scope", "")).split()))
        if not scope.id_token:
            raise PermanentError("InvalidScope", "The token was not asked for with openid.")
        person = await self._person(claims)
        if person is None or not await self._stands(claims, person):
            raise PermanentError("InvalidAuthToken", "Whom the token is about signs in no longer.")
        told: dict[str, Any] = {
            "sub": person.subject,
            "tenant": self._options.domain,
            "name": f"{person.given_name} {person.family_name}".strip(),
            "given_name": person.given_name,
            "family_name": person.family_name,
            "email": person.email,
        }
        if scope.groups_in_id:
            told["groups"] = list(person.groups)
        return {name: value for name, value in told.items() if value}

    async def introspect(self, token: str) -> dict[str, Any]:
        """Whether a token counts now, and what it says; never raises for a bad one."""
        try:
            class_, claims = await self._lasting(token)
            active = await self._counts(claims, class_)
        except PermanentError:
            return {"active": False}
        if not active:
            return {"active": False}
        told = {name: claims[name] for name in _ANSWERED if name in claims}
        return {"active": True, "token_type": "Bearer", "token_class": class_.value, **told}

    async def counted(self, token: str) -> tuple[TokenClass, Claims]:
        """The class and claims of an access or id token that counts now.

        Raises the errors of ``opened``, and ``InvalidAuthToken`` for one that counts no longer.
        """
        class_ = unverified(token)[1].get("token_class")
        expected = TokenClass.ID if class_ == TokenClass.ID else TokenClass.ACCESS
        claims = await self._opened(token, expected)
        if not await self._counts(claims, expected):
            raise PermanentError("InvalidAuthToken", "Whom the token is about signs in no longer.")
        return expected, claims

    async def revoke(self, token: str, client: Client) -> None:
        """End the session that a token is of; one that isn't this client's is left alone.

        A token that means nothing here is no error: then there is nothing to end.
        """
        try:
            _, claims = await self._lasting(token)
        except PermanentError:
            return
        session = await self._sessions.find(str(claims.get("sid", "")))
        if session is not None and is_of(session, client) and _is_token_of(claims, client):
            await self._sessions.end(session)

    async def hinted(self, id_token: str) -> str:
        """Whom an id token of ours is about, also one that has expired; as ``opened`` raises."""
        try:
            claims = await self._opened(id_token, TokenClass.ID)
        except PermanentError as error:
            if error.code != "ExpiredAuthToken":
                raise
            claims = unverified(id_token)[1]
        return str(claims["sub"])

    async def client_of(self, client_id: str, id_token: str) -> Client:
        """Which client a request to sign out comes from; its id token may have expired.

        Raises ``InvalidClient``, also where id and token name two.
        """
        if id_token:
            try:
                await self._opened(id_token, TokenClass.ID)
            except PermanentError as error:
                if error.code != "ExpiredAuthToken":
                    raise PermanentError("InvalidClient", error.message) from error
            named = str(unverified(id_token)[1].get("aud", ""))
            if client_id and fold(client_id) != named:
                raise PermanentError("InvalidClient", "The token was given to another client.")
            client_id = named
        if not client_id:
            raise PermanentError("InvalidClient", "The request names no client.")
        return await self._client(client_id)

    async def _client(self, client_id: str) -> Client:
        directory = self._directory
        return await named_client(directory.store, directory.kinds.clients, client_id)

    async def _lasting(self, token: str) -> tuple[TokenClass, Claims]:
        """An access or refresh token; an id token opens nothing, so none is answered about."""
        class_ = unverified(token)[1].get("token_class")
        expected = TokenClass.REFRESH if class_ == TokenClass.REFRESH else TokenClass.ACCESS
        return expected, await self._opened(token, expected)

    async def _opened(self, token: str, class_: TokenClass) -> Claims:
        now_s = self._clock.now_ms() / 1000
        return await opened(token, self._keys, self._options, class_, now_s)

    async def _counts(self, claims: Claims, class_: TokenClass) -> bool:
        person = await self._person(claims)
        if person is None:
            return class_ is TokenClass.ACCESS and await self._is_account(claims)
        return await self._stands(claims, person, refreshes=class_ is TokenClass.REFRESH)

    async def _person(self, claims: Claims) -> Person | None:
        """Whom the token is about; ``None`` also for somebody made with the name since then."""
        person = await self._people.named(str(claims["sub"]))
        return None if person is None or _is_older(claims, person.made_ms) else person

    async def _stands(self, claims: Claims, person: Person, *, refreshes: bool = False) -> bool:
        """Whether its client is there, and its session, if any, goes on for the same person."""
        try:
            client = await self._client(str(claims.get("client_id", "")))
        except PermanentError:
            return False
        if _is_older(claims, client.created_ms):
            return False
        sid = claims.get("sid")
        if not isinstance(sid, str):
            return not refreshes and claims.get("stamp", "") in ("", stamped(person.stamp))
        session = await self._sessions.find(sid)
        if session is None or session.user != person.key or session.stamp != person.stamp:
            return False
        if not (claims.get("exchanged") or is_of(session, client)):
            return False
        return not refreshes or claims.get("jti") == session.current

    async def _is_account(self, claims: Claims) -> bool:
        bare = bare_name(str(claims["sub"]), self._options.domain)
        try:
            account = await self._people.account(bare or "")
        except PermanentError:
            return False
        if _is_older(claims, account.made_ms):
            return False
        client = await self._client(bare or "")
        return has_credential(client, str(claims.get("stamp", "")))


def _is_older(claims: Claims, made_ms: int) -> bool:
    """Whether a token is from before ``made_ms``: then it is about another of the same name."""
    return number(claims, "iat") < made_ms // 1000


def _is_token_of(claims: Claims, client: Client) -> bool:
    return str(claims.get("client_id", "")) == public_id(client)
