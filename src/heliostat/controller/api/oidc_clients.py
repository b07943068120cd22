"""Programs that people sign in to."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import directory_of, in_tenants, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.ports import ClientRecord
from heliostat.wire import oidc_clients as wire

KIND = "oidc-client"


def show_client(call: Call, client: ClientRecord) -> wire.OidcClient:
    """A client; its name is its id."""
    return wire.OidcClient(
        id=client.name,
        kind=KIND,
        name=client.name,
        self_link=f"{place_of(call)}/oidc-clients/{client.name}",
        grants=list(client.grants),
        algorithm=client.algorithm,
        redirect_uris=list(client.redirect_uris),
        post_logout_redirect_uris=list(client.post_logout_redirect_uris),
        created_time=client.created_ms,
        title=client.title,
    )


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


async def _create(call: Call, plan: bool) -> wire.OidcClient:
    body: wire.OidcClientCreateSpec = call.body
    made = await (await directory_of(call)).create_client(
        body.name,
        body.redirect_uris,
        title=body.title,
        post_logout_redirect_uris=body.post_logout_redirect_uris or (),
        algorithm=body.algorithm,
        plan=plan,
    )
    return show_client(call, made)


async def _created(call: Call) -> wire.OidcClient:
    return show_client(call, await (await directory_of(call)).get_client(call.body.name))


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_client(call.id, plan=plan)


HANDLERS: dict[str, Handler] = {
    "createOidcClient": Applies(_create, KIND, again=_created),
    "listOidcClients": Reads(_list),
    "getOidcClient": Reads(_show),
    "deleteOidcClient": Applies(_delete, KIND, again=nothing),
}
HANDLERS |= in_tenants(HANDLERS)
