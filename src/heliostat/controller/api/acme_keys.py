"""Keys that open an ACME account."""

from __future__ import annotations

from heliostat.controller.api.authority_port import AcmeKeyRecord
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.wire import acme_keys as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "acme-key"


async def _create(call: Call, plan: bool) -> wire.CreatedAcmeKey:
    body: wire.AcmeKeyCreateSpec = call.body
    made = await call.services.directories.acme_keys.create(
        call.params[TENANT], body.title, body.names or (), call.caller.subject, plan=plan
    )
    return wire.CreatedAcmeKey(
        id=made.id,
        kind=KIND,
        title=made.title,
        names=list(made.names),
        by=made.by,
        created_time=made.created_ms,
        secret=made.secret,
        directory=made.directory,
    )


async def _list(call: Call) -> wire.AcmeKeyList:
    keys = await call.services.directories.acme_keys.all(call.params[TENANT])
    page = await paginate(call, of_names(call.store, keys, None))
    return wire.AcmeKeyList(
        items=[_shown(each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _delete(call: Call, plan: bool) -> None:
    await call.services.directories.acme_keys.delete(call.params[TENANT], call.id, plan=plan)


def _shown(key: AcmeKeyRecord) -> wire.AcmeKey:
    return wire.AcmeKey(
        id=key.id,
        kind=KIND,
        title=key.title,
        names=list(key.names),
        by=key.by,
        created_time=key.created_ms,
        account=key.account,
    )


HANDLERS: dict[str, Handler] = {
    "createAcmeKey": Applies(_create, KIND),
    "listAcmeKeys": Reads(_list),
    "deleteAcmeKey": Applies(_delete, KIND, again=nothing),
}
