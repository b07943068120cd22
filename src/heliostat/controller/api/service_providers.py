"""Programs that people sign in to with SAML."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.saml_ports import SamlPort, ServiceProviderRecord
from heliostat.wire import service_providers as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "service-provider"


def show_provider(
    call: Call, saml: SamlPort, provider: ServiceProviderRecord
) -> wire.ServiceProvider:
    """A service provider; its name is its id."""
    return wire.ServiceProvider(
        id=provider.name,
        kind=KIND,
        name=provider.name,
        self_link=f"{place_of(call)}/service-providers/{provider.name}",
        entity_id=provider.entity_id,
        acs_urls=[each.location for each in provider.consumers],
        logout_urls=list(dict.fromkeys(each.location for each in provider.logouts)),
        fingerprints=list(provider.fingerprints),
        name_id_format=provider.name_id_word,
        attributes=list(provider.attributes),
        allowed_groups=list(provider.groups),
        signed_requests=provider.wants_signed_requests,
        encrypt=provider.encrypts,
        unsolicited=provider.unsolicited,
        metadata_url=saml.metadata_url,
        created_time=provider.created_ms,
        signs=provider.signs,
        title=provider.title,
    )


async def _saml(call: Call) -> SamlPort:
    return await call.services.directories.saml(call.params[TENANT])


async def _list(call: Call) -> wire.ServiceProviderList:
    saml = await _saml(call)
    page = await paginate(call, of_names(call.store, await saml.providers.list(), None))
    return wire.ServiceProviderList(
        items=[show_provider(call, saml, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.ServiceProvider:
    saml = await _saml(call)
    return show_provider(call, saml, await saml.providers.get(call.id))


async def _create(call: Call, plan: bool) -> wire.ServiceProvider:
    saml = await _saml(call)
    return show_provider(call, saml, await saml.providers.create(call.body, plan=plan))


async def _created(call: Call) -> wire.ServiceProvider:
    saml = await _saml(call)
    return show_provider(call, saml, await saml.providers.get(call.body.name))


async def _update(call: Call, plan: bool) -> wire.ServiceProvider:
    saml = await _saml(call)
    return show_provider(call, saml, await saml.providers.update(call.id, call.body, plan=plan))


async def _delete(call: Call, plan: bool) -> None:
    await (await _saml(call)).providers.delete(call.id, plan=plan)


async def _replace_key(call: Call, plan: bool) -> wire.SamlKeyReplaced:
    return wire.SamlKeyReplaced(signs_from=await (await _saml(call)).replace_key(plan=plan))


async def _replaced(call: Call) -> wire.SamlKeyReplaced:
    return await _replace_key(call, False)  # a key that waits already is kept


HANDLERS: dict[str, Handler] = {
    "createServiceProvider": Applies(_create, KIND, again=_created),
    "listServiceProviders": Reads(_list),
    "getServiceProvider": Reads(_show),
    "updateServiceProvider": Applies(_update, KIND, again=_show),
    "deleteServiceProvider": Applies(_delete, KIND, again=nothing),
    "replaceSamlKey": Applies(_replace_key, "saml-key", again=_replaced),
}
