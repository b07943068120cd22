"""Service accounts."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import directory_of, in_tenants, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.core.errors import PermanentError
from heliostat.identity.directory.views import AccountView
from heliostat.wire import service_accounts as wire

KIND = "service-account"


def show_account(call: Call, account: AccountView) -> wire.ServiceAccount:
    """A service account; its name is its id."""
    return wire.ServiceAccount(
        id=account.name,
        kind=KIND,
        name=account.name,
        client_id=account.client_id,
        self_link=f"{place_of(call)}/service-accounts/{account.name}",
        groups=list(account.groups),
    )


async def _list(call: Call) -> wire.ServiceAccountList:
    accounts = await (await directory_of(call)).list_service_accounts()
    page = await paginate(call, of_names(call.store, accounts, call.query.get("name")))
    items = [show_account(call, each) for each in page.items]
    return wire.ServiceAccountList(
        items=items, next_page_link=page.link, previous_page_link=page.previous
    )


async def _create(call: Call, plan: bool) -> wire.ServiceAccount:
    body: wire.ServiceAccountCreateSpec = call.body
    made = await (await directory_of(call)).create_service_account(
        body.name, body.public_key_pem, tuple(body.groups or ()), plan=plan
    )
    return show_account(call, made)


async def _created(call: Call) -> wire.ServiceAccount:
    wanted = call.body.name.casefold()
    for account in await (await directory_of(call)).list_service_accounts():
        if account.name.casefold() == wanted:
            return show_account(call, account)
    raise PermanentError("ServiceAccountNotFound", f"There is no service account {wanted}.")


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_service_account(call.id, plan=plan)


HANDLERS: dict[str, Handler] = {
    "createServiceAccount": Applies(_create, KIND, again=_created),
    "listServiceAccounts": Reads(_list),
    "deleteServiceAccount": Applies(_delete, KIND, again=nothing),
}
HANDLERS |= in_tenants(HANDLERS)
