"""Other providers that people sign in with."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.provider_ports import ProviderPerson, ProviderRecord, ProvidersPort
from heliostat.wire import identity_providers as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "identity-provider"
_NOT_FIELDS = {"name", "type"}


async def _providers(call: Call) -> ProvidersPort:
    return await call.services.directories.providers(call.params[TENANT])


async def _shown(call: Call, record: ProviderRecord) -> wire.IdentityProvider:
    provider, oidc = record.provider, record.provider.oidc
    place = call.base + wire.PATH.replace(f"{{{TENANT}}}", quote(call.params[TENANT], safe=""))
    return wire.IdentityProvider(
        id=provider.name,
        kind=KIND,
        name=provider.name,
        type=provider.kind,
        title=provider.title,
        self_link=f"{place}/{provider.name}",
        created_time=provider.created_ms,
        people=record.people,
        redirect_uri=(await _providers(call)).comes_back_to(provider.name, provider.kind),
        disabled=provider.disabled,
        make_users=provider.make_users,
        trust_second_factor=provider.trust_second_factor,
        claims=msgspec.structs.asdict(provider.claims),
        groups=[
            wire.IdentityProviderRule(value=each.value, group=each.group)
            for each in provider.groups
        ],
        email_domains=list(provider.email_domains),
        issuer=oidc.issuer if oidc else provider.saml.entity_id if provider.saml else "",
        client_id=oidc.client_id if oidc else "",
        scopes=list(oidc.scopes) if oidc else [],
        trusted_roots_pem=oidc.ca_pem if oidc else "",
        has_secret=bool(oidc and oidc.secret),
        has_private_key=bool(oidc and oidc.private_key),
    )


def _fields(body: wire.IdentityProviderChange) -> dict[str, Any]:
    """What a body names."""
    named = {name: getattr(body, name) for name in body.__struct_fields__}
    if body.groups is not None:
        named["groups"] = [msgspec.structs.asdict(each) for each in body.groups]
    return {n: value for n, value in named.items() if value is not None and n not in _NOT_FIELDS}


async def _list(call: Call) -> wire.IdentityProviderList:
    providers = await (await _providers(call)).list_providers()
    page = await paginate(call, of_names(call.store, providers, None))
    return wire.IdentityProviderList(
        items=[await _shown(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.IdentityProvider:
    return await _shown(call, await (await _providers(call)).get_provider(call.id))


async def _create(call: Call, plan: bool) -> wire.IdentityProvider:
    body: wire.IdentityProviderCreateSpec = call.body
    providers = await _providers(call)
    made = await providers.create_provider(body.name, body.type, _fields(body), plan=plan)
    return await _shown(call, made)


async def _created(call: Call) -> wire.IdentityProvider:
    return await _shown(call, await (await _providers(call)).get_provider(call.body.name))


async def _update(call: Call, plan: bool) -> wire.IdentityProvider:
    providers, fields = await _providers(call), _fields(call.body)
    keep = call.query.get("keepSessions")  # said to be false: what went on until now ends
    changed = await providers.update_provider(call.id, fields, keep_sessions=keep, plan=plan)
    return await _shown(call, changed)


async def _delete(call: Call, plan: bool) -> None:
    providers, query = await _providers(call), call.query
    await providers.delete_provider(
        call.id,
        with_people=bool(query.get("withPeople", False)),
        keep_sessions=bool(query.get("keepSessions", False)),
        plan=plan,
    )


async def _probe(call: Call, plan: bool) -> wire.IdentityProviderProbe:
    steps = await (await _providers(call)).probe_provider(call.id, plan=plan)
    return wire.IdentityProviderProbe(
        name=call.id,
        ok=all(each.well for each in steps),
        steps=[
            wire.IdentityProviderStep(step=each.step, ok=each.well, sentence=each.sentence)
            for each in steps
        ],
    )


def _person(link: ProviderPerson) -> wire.IdentityProviderPerson:
    return wire.IdentityProviderPerson(
        name=link.name,
        issuer=link.issuer,
        subject=link.subject,
        created_time=link.created_ms,
        used_time=link.used_ms,
    )


async def _people(call: Call) -> wire.IdentityProviderPeople:
    links = await (await _providers(call)).people_of_provider(call.id)
    page = await paginate(call, of_names(call.store, links, None))
    return wire.IdentityProviderPeople(
        items=[_person(each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


HANDLERS: dict[str, Handler] = {
    "createIdentityProvider": Applies(_create, KIND, again=_created),
    "listIdentityProviders": Reads(_list),
    "getIdentityProvider": Reads(_show),
    "updateIdentityProvider": Applies(_update, KIND, again=_show),
    "deleteIdentityProvider": Applies(_delete, KIND, again=nothing),
    "probeIdentityProvider": Applies(_probe, KIND),
    "listIdentityProviderPeople": Reads(_people),
}
