"""The client that a request names, and those that are there from the start.

A request without a client id is what existing command lines
send, and ours with a password: it gets RS256 tokens (all that those can check) and
keeps its refresh token, since they store only the first.  ``helio`` is our own, for
codes that are typed into a browser.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client, Grant
from heliostat.identity.clients.settings import API_SCOPES, upgraded
from heliostat.identity.names import fold
from heliostat.identity.tokens.records import Algorithm

NAMELESS = "client-without-id"
HELIO = "helio"
BUILT_IN = (NAMELESS, HELIO)


def built_in_clients(now_ms: int) -> tuple[Client, ...]:
    """The clients that exist from the first start on."""
    return (
        Client(
            name=NAMELESS,
            grants=(Grant.PASSWORD, Grant.REFRESH),
            algorithm=Algorithm.RS256,
            rotate_refresh=False,
            scopes=API_SCOPES,
            created_ms=now_ms,
        ),
        Client(
            name=HELIO,
            grants=(Grant.REFRESH, Grant.DEVICE),
            title="Heliostat's command line",
            scopes=API_SCOPES,
            created_ms=now_ms,
        ),
    )


async def named_client(store: CloudStore, clients: Kind[Client], client_id: str) -> Client:
    """The client of a request; raises ``InvalidClient``."""
    key = fold(client_id) if client_id else NAMELESS
    if not key.isascii() or fold(client_id) == NAMELESS:
        raise no_client(client_id)
    stored = await clients.get(store, key)
    if stored is None:
        raise no_client(client_id)
    return upgraded(stored.value, HELIO)


def public_id(client: Client) -> str:
    """The id that stands in tokens: empty for the client without one."""
    return "" if client.name == NAMELESS else client.name


def no_client(client_id: str) -> PermanentError:
    """The error for an id that nothing here may ask for tokens with."""
    return PermanentError("InvalidClient", f"There is no client {client_id[:80]!r}.")
