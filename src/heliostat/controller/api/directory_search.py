"""Searching a directory's tenant."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Batch, paginate
from heliostat.controller.api.directories import directory_of
from heliostat.controller.api.handler import Handler, Reads
from heliostat.identity.directory.contract.reading import LookingUp
from heliostat.identity.directory.search import Entry
from heliostat.wire import directory_search as wire
from heliostat.wire.directory_tenants import TENANT


async def _searched(call: Call) -> LookingUp:
    """The tenant's directory, or the source of it that the call names."""
    source = call.query.get("source")
    if not source:
        return await directory_of(call)
    sources = await call.services.directories.sources(call.params[TENANT])
    return await sources.directory(source)


async def _search(call: Call) -> wire.DirectoryEntryList:
    directory, query = await _searched(call), call.query

    async def read(limit: int, after: str | None, _revision: int | None) -> Batch[Entry]:
        found, more = await directory.look_up(
            query.get("filter") or "",
            base=query.get("base") or "",
            below=not query.get("direct"),
            kind=query.get("entryKind") or "",
            limit=limit,
            after=after or "",
            with_groups=bool(query.get("withGroups")),
        )
        items = [(str(each.position), each) for each in found]
        return Batch(items, more or None, await call.store.revision())

    page = await paginate(call, read)
    return wire.DirectoryEntryList(
        items=[_show(each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


def _show(entry: Entry) -> wire.DirectoryEntry:
    return wire.DirectoryEntry(
        id=entry.dn,
        kind=str(entry.kind),
        name=entry.name,
        dn=entry.dn,
        attributes={name: list(values) for name, values in entry.attributes.items()},
    )


HANDLERS: dict[str, Handler] = {"searchDirectory": Reads(_search)}
