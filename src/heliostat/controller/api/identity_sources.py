"""Directories elsewhere whose people sign in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.source_ports import SourceRecord, SourcesPort, StepRecord
from heliostat.wire import identity_sources as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "identity-source"
_SPELLED = {
    "type": "kind",
    "trusted_roots_pem": "roots_pem",
    "bind_key_pem": "bind_key",
    "nested_groups": "nested",
}
"""Fields that the source itself calls something else."""
_NOT_ITS_OWN = {"domain", "person"}


def show_source(call: Call, record: SourceRecord) -> wire.IdentitySource:
    """A source; its domain is its id."""
    source = record.source
    place = call.base + wire.PATH.replace(f"{{{TENANT}}}", quote(call.params[TENANT], safe=""))
    return wire.IdentitySource(
        id=source.domain,
        kind=KIND,
        domain=source.domain,
        type=source.kind,
        urls=list(source.urls),
        people_base=source.people_base,
        self_link=f"{place}/{source.domain}",
        created_time=source.created_ms,
        changed_time=source.changed_ms,
        timeout_s=source.timeout_s,
        nested_groups=source.nested,
        servers=[
            wire.IdentitySourceServer(url=each.url, state=each.state, reason=each.sentence)
            for each in record.servers
        ],
        aliases=list(source.aliases),
        start_tls=source.start_tls,
        plain=source.plain,
        trusted_roots_pem=source.roots_pem,
        bind_dn=source.bind_dn,
        bind_certificate_pem=source.bind_certificate_pem,
        groups_base=source.groups_base,
        people_filter=source.people_filter,
        groups_filter=source.groups_filter,
        attributes=dict(source.attributes),
        default=source.default,
        description=source.description,
    )


def _show_steps(domain: str, steps: tuple[StepRecord, ...]) -> wire.IdentitySourceProbe:
    return wire.IdentitySourceProbe(
        domain=domain,
        ok=all(each.well for each in steps),
        steps=[
            wire.IdentitySourceStep(step=each.step, ok=each.well, sentence=each.sentence)
            for each in steps
        ],
    )


def _fields(body: wire.IdentitySourceChange) -> dict[str, Any]:
    """What a body names, as the source calls it."""
    return {
        _SPELLED.get(name, name): value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not None and name not in _NOT_ITS_OWN
    }


async def _sources(call: Call) -> SourcesPort:
    return await call.services.directories.sources(call.params[TENANT])


async def _list(call: Call) -> wire.IdentitySourceList:
    sources = await (await _sources(call)).list_sources()
    page = await paginate(call, of_names(call.store, sources, None))
    return wire.IdentitySourceList(
        items=[show_source(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.IdentitySource:
    return show_source(call, await (await _sources(call)).get_source(call.id))


async def _create(call: Call, plan: bool) -> wire.IdentitySource:
    body: wire.IdentitySourceCreateSpec = call.body
    made = await (await _sources(call)).create_source(body.domain, _fields(body), plan=plan)
    return show_source(call, made)


async def _created(call: Call) -> wire.IdentitySource:
    return show_source(call, await (await _sources(call)).get_source(call.body.domain))


async def _update(call: Call, plan: bool) -> wire.IdentitySource:
    changed = await (await _sources(call)).update_source(call.id, _fields(call.body), plan=plan)
    return show_source(call, changed)


async def _delete(call: Call, plan: bool) -> None:
    await (await _sources(call)).delete_source(call.id, plan=plan)


async def _probe(call: Call, plan: bool) -> wire.IdentitySourceProbe:
    body: wire.IdentitySourceProbeSpec = call.body
    steps = await (await _sources(call)).probe_source(
        body.domain, _fields(body), person=body.person, saved=False, plan=plan
    )
    return _show_steps(body.domain, steps)


async def _probe_saved(call: Call, plan: bool) -> wire.IdentitySourceProbe:
    steps = await (await _sources(call)).probe_source(
        call.id, {}, person=call.body.person, plan=plan
    )
    return _show_steps(call.id, steps)


HANDLERS: dict[str, Handler] = {
    "createIdentitySource": Applies(_create, KIND, again=_created),
    "listIdentitySources": Reads(_list),
    "getIdentitySource": Reads(_show),
    "updateIdentitySource": Applies(_update, KIND, again=_show),
    "deleteIdentitySource": Applies(_delete, KIND, again=nothing),
    "probeIdentitySource": Applies(_probe, KIND),
    "probeSavedIdentitySource": Applies(_probe_saved, KIND),
}
