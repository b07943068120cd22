"""One token for another (RFC 8693): a service calls the next one for whoever has called it.

A client may do so for the audiences in its settings, with tokens that were given to it or meant
for it (their audience names it, ``name`` or ``rs_name``).  What comes out says no more than what
went in: scopes can only be left out, it ends no later, and it counts only while its person and
session do.  Who acts stands in ``act``, one inside the other; a client that impersonates may
leave itself out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client
from heliostat.identity.names import subject_of
from heliostat.identity.tokens.claims import TokenClass
from heliostat.identity.tokens.client_authentication import ClientFields
from heliostat.identity.tokens.jose import Claims
from heliostat.identity.tokens.opened import audiences
from heliostat.identity.tokens.scopes import Scope, permitted
from heliostat.identity.tokens.standing import Standing

_URN = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN = f"{_URN}access_token"
_CLASSES = {
    ACCESS_TOKEN: (TokenClass.ACCESS,),
    f"{_URN}id_token": (TokenClass.ID,),
    f"{_URN}jwt": (TokenClass.ACCESS, TokenClass.ID),
}
_RESULTS = ("", ACCESS_TOKEN, f"{_URN}jwt")
_OF_PEOPLE = frozenset({"openid", "offline_access", "profile", "email"})
DEEPEST = 5
"""Actors that may stand in one another."""


class ExchangeFields(ClientFields, frozen=True, kw_only=True):
    """What a form says about the exchange."""

    subject_token: str = ""
    subject_token_type: str = ""
    actor_token: str = ""
    actor_token_type: str = ""
    requested_token_type: str = ""
    audience: str = ""
    resource: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What the new token says: whom it is about, who acts, and when it ends at the latest."""

    subject: str
    scope: Scope
    ends_s: int
    session: str
    act: dict[str, Any] | None


class Exchange:
    """Decides about the exchanges of one tenant."""

    def __init__(self, standing: Standing, domain: str) -> None:
        self._standing = standing
        self._domain = domain

    async def decide(self, fields: ExchangeFields, client: Client) -> Exchanged:
        """What ``client`` gets, which has proven who it is.

        Raises ``InvalidEntity`` for tokens that do not count, ``InvalidTarget`` for audiences
        that it may not reach, and ``InvalidScope``.
        """
        if fields.requested_token_type not in _RESULTS:
            raise _refused(f"only {ACCESS_TOKEN} is given")
        subject = await self._counted(fields.subject_token, fields.subject_token_type, "subject")
        if not _is_for(subject, client):
            raise _refused(f"the subject token was neither given to {client.name} nor meant for it")
        scope = _scope(fields, client, Scope(tuple(str(subject.get("scope", "")).split())))
        return Exchanged(
            subject=str(subject["sub"]),
            scope=scope,
            ends_s=int(subject["exp"]),
            session=str(subject.get("sid", "")),
            act=await self._act(fields, client, subject),
        )

    async def _counted(self, token: str, type_: str, which: str) -> Claims:
        """The claims of a token that counts now."""
        classes = _CLASSES.get(type_)
        if classes is None or not token:
            raise _refused(f"{which}_token and its type are needed; {', '.join(_CLASSES)}")
        try:
            class_, claims = await self._standing.counted(token)
        except PermanentError as error:
            raise _refused(f"the {which} token does not count: {error.message}") from error
        if class_ not in classes:
            raise _refused(f"the {which} token is of another type")
        return claims

    async def _act(
        self, fields: ExchangeFields, client: Client, subject: Claims
    ) -> dict[str, Any] | None:
        before = subject.get("act")
        chain = before if isinstance(before, dict) else None
        if not fields.actor_token:
            if client.impersonates:
                return chain
            name = client.name
            acting = subject_of(name, self._domain) if client.is_service_account else name
        else:
            actor = await self._counted(fields.actor_token, fields.actor_token_type, "actor")
            if actor.get("client_id") != client.name:
                raise _refused("the actor token was given to another client")
            acting = str(actor["sub"])
        if _depth(chain) >= DEEPEST:
            raise _refused(f"{DEEPEST} act for one another already")
        told: dict[str, Any] = {"sub": acting, "client_id": client.name}
        return {**told, "act": chain} if chain is not None else told


def _scope(fields: ExchangeFields, client: Client, subject: Scope) -> Scope:
    """What is asked for, if it is no more than the subject's, and the audiences."""
    if fields.resource:
        raise _no_target("name the resource server with audience, rs_…")
    asked = fields.scope.split()
    targets = [value for value in asked if value.startswith("rs_")]
    targets = list(dict.fromkeys([*targets, *fields.audience.split()]))
    if not targets:
        raise _no_target("name the resource server with audience, rs_…")
    for target in targets:
        if target not in client.exchanges:
            raise _no_target(f"{client.name} may not exchange tokens for {target[:80]!r}")
    rest = [value for value in asked if value not in targets]
    if not fields.scope:
        rest = [value for value in subject.values if value in client.scopes]
        rest = [value for value in rest if not value.startswith("rs_")]
    for value in rest:
        if value not in subject.values:
            raise PermanentError("InvalidScope", f"The subject token has no scope {value[:80]!r}.")
    kept = [value for value in rest if value not in _OF_PEOPLE]
    return permitted(" ".join([*kept, *targets]), {*client.scopes, *targets})


def _is_for(claims: Claims, client: Client) -> bool:
    own = {client.name, f"rs_{client.name}"}
    return claims.get("client_id") == client.name or not own.isdisjoint(audiences(claims))


def _depth(act: object) -> int:
    depth = 0
    while isinstance(act, dict):
        depth, act = depth + 1, act.get("act")
    return depth


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The exchange is refused: {why.rstrip('.')}.")


def _no_target(why: str) -> PermanentError:
    return PermanentError("InvalidTarget", f"The exchange is refused: {why}.")
