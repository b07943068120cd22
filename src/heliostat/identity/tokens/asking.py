"""Who is asked, by whom and about what: the tenant of a path, the fields of a form."""

from __future__ import annotations

from aiohttp import web

from heliostat.core.errors import PermanentError
from heliostat.identity.realm import Realm
from heliostat.identity.site import Identity
from heliostat.identity.tokens.client_authentication import ClientFields, with_header
from heliostat.identity.tokens.forms import fields_of


async def realm_of(identity: Identity, request: web.Request) -> Realm:
    """The tenant that the path names, or the site's own; raises ``TenantNotFound``."""
    return await identity.realms.get(request.match_info.get("tenant", identity.options.domain))


async def form_of(request: web.Request) -> dict[str, str]:
    """The form's fields, with the client that a header may name."""
    return with_header(await fields_of(request), request.headers.get("Authorization"))


def client_fields(fields: dict[str, str]) -> ClientFields:
    """How the form says who sends it."""
    known = {name: fields[name] for name in ClientFields.__struct_fields__ if name in fields}
    return ClientFields(**known)


def token_in(fields: dict[str, str]) -> str:
    """The token that the form is about; raises ``InvalidEntity`` without one."""
    if not fields.get("token"):
        raise PermanentError("InvalidEntity", "The field token is missing.")
    return fields["token"]
