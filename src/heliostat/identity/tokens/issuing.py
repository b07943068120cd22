"""Tokens made for whom a grant has found: their groups, lifetimes, claims and signatures."""

from __future__ import annotations

from dataclasses import replace

from heliostat.core.errors import PermanentError
from heliostat.identity.clients.named import public_id
from heliostat.identity.clients.records import Client
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.names import bare_name, fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sources.router import Everybody
from heliostat.identity.tokens.claims import (
    Bearer,
    Occasion,
    SignInEvent,
    access_claims,
    id_claims,
    new_jti,
    refresh_claims,
    sign,
)
from heliostat.identity.tokens.exchange import ACCESS_TOKEN, Exchanged
from heliostat.identity.tokens.holds import stamped
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.records import Session
from heliostat.identity.tokens.scopes import Scope
from heliostat.identity.tokens.token_messages import TokenAnswer


class Issuing:
    """Makes the tokens of one tenant."""

    def __init__(self, people: Everybody, directory: Directory, keys: SigningKeys) -> None:
        self._people = people
        self._directory = directory
        self._keys = keys
        self._options = directory.options

    async def tokens(
        self,
        bearer: Bearer,
        client: Client,
        scope: Scope,
        session: Session | None,
        event: SignInEvent | None = None,
    ) -> TokenAnswer:
        """Access token, and id and refresh tokens as ``scope`` and ``session`` have them."""
        directory, options = self._directory, self._options
        key = await self._keys.signer(client.algorithm)
        now_s = directory.clock.now_ms() // 1000
        sid = session.id if session else ""
        life_s = access_lifetime_s(client, options)
        about = await self._told_of(bearer, scope)
        occasion = Occasion(about, public_id(client), scope, now_s, sid, event, life_s)
        refresh = ""
        if session is not None and session.current:
            end_s = session.expires_ms // 1000
            refresh = sign(refresh_claims(occasion, options, session.current, end_s), key)
        identity = ""
        if scope.id_token:
            identity = sign(id_claims(occasion, options, new_jti(directory.ids)), key)
        return TokenAnswer(
            access_token=sign(access_claims(occasion, options, new_jti(directory.ids)), key),
            token_type="Bearer",  # noqa: S106 - a kind of token
            expires_in=life_s,
            scope=str(scope),
            id_token=identity,
            refresh_token=refresh,
        )

    async def exchanged(self, new: Exchanged, client: Client) -> TokenAnswer:
        """The token that another is turned into; it ends no later than the one it came of."""
        key = await self._keys.signer(client.algorithm)
        now_s = self._directory.clock.now_ms() // 1000
        life_s = min(access_lifetime_s(client, self._options), new.ends_s - now_s)
        if life_s <= 0:
            raise PermanentError("InvalidEntity", "The subject token has expired.")
        occasion = Occasion(
            await self._told_of(await self._bearer_of(new.subject), new.scope),
            public_id(client),
            new.scope,
            now_s,
            new.session,
            life_s=life_s,
            exchanged=True,
            act=new.act,
        )
        claims = access_claims(occasion, self._options, new_jti(self._directory.ids))
        return TokenAnswer(
            access_token=sign(claims, key),
            token_type="Bearer",  # noqa: S106 - a kind of token
            expires_in=life_s,
            scope=str(new.scope),
            issued_token_type=ACCESS_TOKEN,
        )

    async def _told_of(self, bearer: Bearer, scope: Scope) -> Bearer:
        """With the groups that matter to the resource servers, where only those are asked for."""
        if not scope.filtered:
            return bearer
        kept: set[str] = set()
        for server in scope.resource_servers:
            names = await self._filter_of(server.removeprefix("rs_"))
            if not names:
                return bearer
            kept |= {fold(each) for each in names}
        groups = [each for each in bearer.groups if {fold(each), fold(_bare(each))} & kept]
        return replace(bearer, groups=tuple(groups))

    async def _filter_of(self, name: str) -> tuple[str, ...]:
        """The groups that matter to the resource server of this name; empty: all."""
        directory = self._directory
        stored = await directory.kinds.clients.get(directory.store, fold(name))
        return stored.value.group_filter if stored is not None else ()

    async def _bearer_of(self, subject: str) -> Bearer:
        """Whom a token that counts is about: a person, or a service account."""
        person = await self._people.named(subject)
        if person is not None:
            return bearer_of(person)
        account = await self._people.account(bare_name(subject, self._options.domain) or "")
        return Bearer(account.subject, account.groups)


def access_lifetime_s(client: Client, options: IdentityOptions) -> int:
    """How long its access tokens live: as the client is set, and no longer than the tenant's."""
    tenants = int(options.lifetimes.access_s)
    return min(client.access_s or tenants, tenants)


def _bare(group: str) -> str:
    return group.rpartition("\\")[2]


def bearer_of(person: Person) -> Bearer:
    """What tokens say of a person."""
    names = (person.given_name, person.family_name, person.email)
    return Bearer(person.subject, person.groups, *names, stamped(person.stamp))
