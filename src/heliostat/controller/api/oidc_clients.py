"""Programs that people sign in to."""

from __future__ import annotations

from typing import Any

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import directory_of, in_tenants, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.identity.directory.views import ClientView
from heliostat.wire import oidc_clients as wire

KIND = "oidc-client"


def show_client(call: Call, client: ClientView) -> wire.OidcClient:
    """A client; its name is its id."""
    return wire.OidcClient(**_shown(call, client))


def show_with_secret(call: Call, client: ClientView) -> wire.OidcClientWithSecret:
    """A client that may have a new secret."""
    return wire.OidcClientWithSecret(**_shown(call, client), client_secret=client.secret)


def _shown(call: Call, client: ClientView) -> dict[str, Any]:
    return {
        "id": client.name,
        "kind": KIND,
        "name": client.name,
        "self_link": f"{place_of(call)}/oidc-clients/{client.name}",
        "grants": list(client.grants),
        "algorithm": client.algorithm,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "created_time": client.created_ms,
        "authentication": client.authentication,
        "scopes": list(client.scopes),
        "title": client.title,
        "access_lifetime": client.access_s,
        "refresh_lifetime": client.refresh_s,
        "rotate_refresh": client.rotate_refresh,
        "consent": client.consent,
        "key_ids": list(client.key_ids),
        "frontchannel_logout_uri": client.frontchannel_logout_uri,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "logout_session_required": client.logout_session_required,
        "exchanges": list(client.exchanges),
        "impersonates": client.impersonates,
        "group_filter": list(client.group_filter),
    }


async def _list(call: Call) -> wire.OidcClientList:
    clients = await (await directory_of(call)).list_clients()
    page = await paginate(call, of_names(call.store, clients, None))
    return wire.OidcClientList(
        items=[show_client(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.OidcClient:
    return show_client(call, await (await directory_of(call)).get_client(call.id))


async def _create(call: Call, plan: bool) -> wire.OidcClientWithSecret:
    body: wire.OidcClientCreateSpec = call.body
    made = await (await directory_of(call)).create_client(body.name, settings=body, plan=plan)
    return show_with_secret(call, made)


async def _created(call: Call) -> wire.OidcClientWithSecret:
    return show_with_secret(call, await (await directory_of(call)).get_client(call.body.name))


async def _update(call: Call, plan: bool) -> wire.OidcClientWithSecret:
    changed = await (await directory_of(call)).update_client(call.id, call.body, plan=plan)
    return show_with_secret(call, changed)


async def _rotate(call: Call, plan: bool) -> wire.OidcClientWithSecret:
    directory = await directory_of(call)
    changed = await directory.rotate_secret(call.id, call.body.overlap, plan=plan)
    return show_with_secret(call, changed)


async def _changed_before(call: Call) -> wire.OidcClientWithSecret:
    return show_with_secret(call, await (await directory_of(call)).get_client(call.id))


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_client(call.id, plan=plan)


HANDLERS: dict[str, Handler] = {
    "createOidcClient": Applies(_create, KIND, again=_created),
    "listOidcClients": Reads(_list),
    "getOidcClient": Reads(_show),
    "updateOidcClient": Applies(_update, KIND, again=_changed_before),
    "rotateOidcClientSecret": Applies(_rotate, KIND, again=_changed_before),
    "deleteOidcClient": Applies(_delete, KIND, again=nothing),
}
HANDLERS |= in_tenants(HANDLERS)
