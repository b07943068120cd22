"""The programs that may ask for tokens, and how a request names one.

Two are built in.  A request without a client id is what existing command lines
send: it may use a password, gets RS256 tokens (all it can check) and keeps its
refresh token, since it stores only the first.  ``helio`` is our own.  Whether a
client may use the password grant is a setting of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.directory.views import ClientView
from heliostat.identity.names import fold
from heliostat.identity.records import Algorithm, Client, Grant
from heliostat.identity.redirects import checked_redirect

NAMELESS = "client-without-id"
HELIO = "helio"


class Clients(DirectoryPart):
    """The verbs on programs that people use; service accounts have their own."""

    async def list_clients(self) -> list[ClientView]:
        """All clients that are no service accounts, by name."""
        clients = [each.value for each in await self.kinds.clients.all(self.store)]
        return [_view(each) for each in clients if not each.is_service_account]

    async def create_client(
        self,
        name: str,
        redirect_uris: Sequence[str],
        *,
        title: str = "",
        post_logout_redirect_uris: Sequence[str] = (),
        algorithm: str = Algorithm.ES256,
        plan: bool = False,
    ) -> ClientView:
        """A program that people sign in to with a browser.

        Raises ``InvalidName``, ``NameTaken``, and ``InvalidEntity`` for addresses that no
        browser may be sent to.
        """
        if not redirect_uris:
            raise PermanentError("InvalidEntity", "A client needs an address to send browsers to.")
        if algorithm not in set(Algorithm):
            raise PermanentError("InvalidEntity", f"{algorithm[:20]!r} signs nothing here.")
        bare = self.new_name(name)
        client = Client(
            name=fold(bare),
            grants=(Grant.AUTHORIZATION_CODE, Grant.REFRESH),
            algorithm=Algorithm(algorithm),
            title=title[:80],
            redirect_uris=tuple(map(checked_redirect, dict.fromkeys(redirect_uris))),
            post_logout_redirect_uris=tuple(
                map(checked_redirect, dict.fromkeys(post_logout_redirect_uris))
            ),
            created_ms=self.clock.now_ms(),
        )

        async def decide() -> Decided[ClientView]:
            guards = await self.claim(bare, "NameTaken")
            return Decided(_view(client), guards, self.kinds.clients.put(client))

        return await settle(self.store, decide, plan=plan)

    async def get_client(self, name: str) -> ClientView:
        """Raises ``ClientNotFound``."""
        return _view((await self._stored_client(name)).value)

    async def delete_client(self, name: str, *, plan: bool = False) -> ClientView:
        """Delete a client; who is signed in to it no longer refreshes.

        Raises ``ClientNotFound``, and ``InvalidOperation`` for a built-in one.
        """

        async def decide() -> Decided[ClientView]:
            stored = await self._stored_client(name)
            if stored.value.name in (NAMELESS, HELIO):
                raise PermanentError("InvalidOperation", f"{stored.value.name} is built in.")
            changes = self.kinds.clients.delete(stored.value)
            return Decided(_view(stored.value), [self.kinds.clients.guard(stored)], changes)

        return await settle(self.store, decide, plan=plan)

    async def _stored_client(self, name: str) -> Stored[Client]:
        key = self.key_of(name)
        stored = await self.kinds.clients.get(self.store, key) if key else None
        if stored is None or stored.value.is_service_account:
            raise PermanentError("ClientNotFound", f"There is no client {name[:80]}.")
        return stored

    async def allow_password_grant(
        self, client: str, allowed: bool, *, plan: bool = False
    ) -> ClientView:
        """Let people sign in with a password through ``client``, or no longer.

        Raises ``InvalidClient`` for one that does not exist.
        """

        async def decide() -> Decided[ClientView]:
            stored = (
                await self.kinds.clients.get(self.store, fold(client)) if client.isascii() else None
            )
            if stored is None or stored.value.is_service_account:
                raise _unknown(client)
            others = [grant for grant in stored.value.grants if grant is not Grant.PASSWORD]
            grants = (Grant.PASSWORD, *others) if allowed else tuple(others)
            new = msgspec.structs.replace(stored.value, grants=grants)
            return Decided(
                _view(new),
                [self.kinds.clients.guard(stored)],
                self.kinds.clients.put(new, stored.value),
            )

        return await settle(self.store, decide, plan=plan)


def built_in_clients(now_ms: int) -> tuple[Client, ...]:
    """The clients that exist from the first start on."""
    return (
        Client(
            name=NAMELESS,
            grants=(Grant.PASSWORD, Grant.REFRESH),
            algorithm=Algorithm.RS256,
            rotate_refresh=False,
            created_ms=now_ms,
        ),
        Client(name=HELIO, grants=(Grant.PASSWORD, Grant.REFRESH), created_ms=now_ms),
    )


async def named_client(store: CloudStore, clients: Kind[Client], client_id: str) -> Client:
    """The client of a request; raises ``InvalidClient``."""
    key = fold(client_id) if client_id else NAMELESS
    if not key.isascii() or fold(client_id) == NAMELESS:
        raise _unknown(client_id)
    stored = await clients.get(store, key)
    if stored is None:
        raise _unknown(client_id)
    return stored.value


def public_id(client: Client) -> str:
    """The id that stands in tokens: empty for the client without one."""
    return "" if client.name == NAMELESS else client.name


def _view(client: Client) -> ClientView:
    return ClientView(
        name=client.name,
        grants=tuple(grant.value for grant in client.grants),
        algorithm=client.algorithm.value,
        rotate_refresh=client.rotate_refresh,
        title=client.title,
        redirect_uris=client.redirect_uris,
        post_logout_redirect_uris=client.post_logout_redirect_uris,
        created_ms=client.created_ms,
    )


def _unknown(client_id: str) -> PermanentError:
    return PermanentError("InvalidClient", f"There is no client {client_id[:80]!r}.")
