"""The programs that may ask for tokens, and how a request names one.

Two are built in.  A request without a client id is what existing command lines
send: it may use a password, gets RS256 tokens (all it can check) and keeps its
refresh token, since it stores only the first.  ``helio`` is our own.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.names import fold
from heliostat.identity.records import CLIENTS, Algorithm, Client, Grant

NAMELESS = "client-without-id"
HELIO = "helio"


def built_in_clients(ids: Ids, now_ms: int) -> tuple[Client, ...]:
    """The clients that exist from the first start on."""
    return (
        Client(
            name=NAMELESS,
            stamp=ids.new_id(),
            grants=(Grant.PASSWORD, Grant.REFRESH),
            algorithm=Algorithm.RS256,
            rotate_refresh=False,
            created_ms=now_ms,
        ),
        Client(
            name=HELIO,
            stamp=ids.new_id(),
            grants=(Grant.PASSWORD, Grant.REFRESH),
            created_ms=now_ms,
        ),
    )


async def named_client(store: CloudStore, client_id: str) -> Client:
    """The client of a request; raises ``InvalidClient``."""
    stored = await CLIENTS.get(store, fold(client_id) if client_id else NAMELESS)
    if stored is None or fold(client_id) == NAMELESS:
        raise PermanentError("InvalidClient", f"There is no client {client_id[:80]!r}.")
    return stored.value


def public_id(client: Client) -> str:
    """The id that stands in tokens: empty for the client without one."""
    return "" if client.name == NAMELESS else client.name
