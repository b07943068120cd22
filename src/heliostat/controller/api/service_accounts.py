"""Service accounts, their keys and the certificates that are registered on them."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import directory_of, in_tenants, place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
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
        created_time=account.created_ms,
        disabled=account.disabled,
        keys=[
            wire.ServiceAccountKey(
                id=each.kid,
                algorithm=each.algorithm,
                public_key_pem=each.public_pem,
                created_time=each.created_ms,
                title=each.title,
                expires_time=each.expires_ms,
                last_used_time=each.last_used_ms,
            )
            for each in account.keys
        ],
        certificates=[
            wire.ServiceAccountCertificate(
                id=each.sha256,
                subject=each.subject,
                certificate=each.pem,
                created_time=each.created_ms,
                expires_time=each.expires_ms,
                last_used_time=each.last_used_ms,
            )
            for each in account.certificates
        ],
        description=account.description,
        unit=account.unit,
        last_used_time=account.last_used_ms,
    )


async def _list(call: Call) -> wire.ServiceAccountList:
    accounts = await (await directory_of(call)).list_service_accounts()
    page = await paginate(call, of_names(call.store, accounts, call.query.get("name")))
    items = [show_account(call, each) for each in page.items]
    return wire.ServiceAccountList(
        items=items, next_page_link=page.link, previous_page_link=page.previous
    )


async def _show(call: Call) -> wire.ServiceAccount:
    return show_account(call, await (await directory_of(call)).get_service_account(call.id))


async def _create(call: Call, plan: bool) -> wire.ServiceAccount:
    body: wire.ServiceAccountCreateSpec = call.body
    made = await (await directory_of(call)).create_service_account(
        body.name,
        body.public_key_pem,
        tuple(body.groups or ()),
        description=body.description,
        days=body.days,
        plan=plan,
    )
    return show_account(call, made)


async def _created(call: Call) -> wire.ServiceAccount:
    directory = await directory_of(call)
    return show_account(call, await directory.get_service_account(call.body.name))


async def _update(call: Call, plan: bool) -> wire.ServiceAccount:
    body: wire.ServiceAccountChange = call.body
    changed = await (await directory_of(call)).change_service_account(
        call.id, description=body.description, disabled=body.disabled, plan=plan
    )
    return show_account(call, changed)


async def _delete(call: Call, plan: bool) -> None:
    await (await directory_of(call)).delete_service_account(call.id, plan=plan)


async def _add_key(call: Call, plan: bool) -> wire.ServiceAccount:
    body: wire.ServiceAccountKeySpec = call.body
    changed = await (await directory_of(call)).add_account_key(
        call.id, body.public_key, days=body.days, title=body.title, plan=plan
    )
    return show_account(call, changed)


async def _remove_key(call: Call, plan: bool) -> None:
    await (await directory_of(call)).remove_account_key(
        call.id, call.params["key"], force=call.query.get("force", False), plan=plan
    )


async def _add_certificate(call: Call, plan: bool) -> wire.ServiceAccount:
    body: wire.ServiceAccountCertificateSpec = call.body
    changed = await (await directory_of(call)).add_account_certificate(
        call.id, body.certificate, plan=plan
    )
    return show_account(call, changed)


async def _remove_certificate(call: Call, plan: bool) -> None:
    await (await directory_of(call)).remove_account_certificate(
        call.id, call.params["certificate"], force=call.query.get("force", False), plan=plan
    )


HANDLERS: dict[str, Handler] = {
    "createServiceAccount": Applies(_create, KIND, again=_created),
    "listServiceAccounts": Reads(_list),
    "getServiceAccount": Reads(_show),
    "updateServiceAccount": Applies(_update, KIND, again=_show),
    "deleteServiceAccount": Applies(_delete, KIND, again=nothing),
    "addServiceAccountKey": Applies(_add_key, KIND, again=_show),
    "removeServiceAccountKey": Applies(_remove_key, KIND, again=nothing),
    "addServiceAccountCertificate": Applies(_add_certificate, KIND, again=_show),
    "removeServiceAccountCertificate": Applies(_remove_certificate, KIND, again=nothing),
}
HANDLERS |= in_tenants(HANDLERS)
