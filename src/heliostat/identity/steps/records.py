"""What the steps of a sign-in keep between two requests of a browser.  Any controller goes on."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.documents import Kind


class Continuation(msgspec.Struct, frozen=True, kw_only=True):
    """What asked for a sign-in, and goes on once it is done.

    ``kind`` finds who understands ``fields`` (see ``onward``); ``program`` is what pages call
    it; ``origin`` is where an answer may redirect to beyond this server (an origin, or empty);
    ``acr_values``, ``hint`` and ``provider`` are what it asks of the sign-in.
    """

    kind: str
    fields: dict[str, str] = {}
    program: str = ""
    client: str = ""
    origin: str = ""
    acr_values: str = ""
    hint: str = ""
    provider: str = ""


class UnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has shown something, and is asked for more; ``id`` is a cookie's hash.

    ``browser`` is the session that is being raised, if the browser has one already;
    ``signed_in_ms`` is when the first proof was given.
    """

    id: str
    continuation: Continuation
    user: str
    stamp: str
    proofs: tuple[str, ...]
    signed_in_ms: int
    expires_ms: int
    browser: str = ""
    agreed: bool = False
    put_off: bool = False
    consented: bool = False
    schema: int = 1


def under_way_of(tenant_id: str) -> Kind[UnderWay]:
    """A tenant's sign-ins that are half done."""
    return Kind(f"sign-in-under-way/{tenant_id}", UnderWay)
