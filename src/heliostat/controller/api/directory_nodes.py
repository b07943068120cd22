"""The nodes of the directory, and where people and groups are kept."""

from __future__ import annotations

from urllib.parse import quote

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.listing import of_names
from heliostat.controller.api.node_ports import (
    HomeRecord,
    NodeRecord,
    OpenLdapPort,
    StandingRecord,
)
from heliostat.core.counting import counted
from heliostat.wire import directory_nodes as wire

KIND = "directory-node"
HOME_KIND = "directory-home"


def _openldap(call: Call) -> OpenLdapPort:
    return call.services.directories.openldap


def show_node(call: Call, node: NodeRecord) -> wire.DirectoryNode:
    """A node; its name is its id."""
    return wire.DirectoryNode(
        id=node.name,
        kind=KIND,
        name=node.name,
        site=node.site,
        url=node.url,
        local=node.local,
        joined=node.joined,
        created_time=node.created_ms,
        configuration=node.configuration,
        self_link=f"{call.base}{wire.NODES}/{quote(node.name, safe='')}",
    )


def _made(call: Call, node: NodeRecord, bundle: str = "") -> wire.CreatedDirectoryNode:
    shown = show_node(call, node)
    return wire.CreatedDirectoryNode(
        id=shown.id,
        kind=shown.kind,
        name=shown.name,
        site=shown.site,
        url=shown.url,
        local=shown.local,
        joined=shown.joined,
        created_time=shown.created_time,
        configuration=shown.configuration,
        self_link=shown.self_link,
        bundle=bundle,
    )


def _standing(node: NodeRecord, standing: StandingRecord) -> wire.DirectoryNodeStanding:
    return wire.DirectoryNodeStanding(
        name=node.name,
        site=node.site,
        joined=node.joined,
        answers=standing.answers,
        behind_seconds=standing.behind_s,
        since=standing.since_ms,
        words=standing.words,
    )


async def show_home(call: Call) -> wire.DirectoryHome:
    """Where everybody is, as of now."""
    openldap = _openldap(call)
    home: HomeRecord = await openldap.home()
    standings = await openldap.nodes.node_standings()
    return wire.DirectoryHome(
        id="home",
        kind=HOME_KIND,
        place=home.place,
        moving_to=home.moving_to,
        phase=home.phase,
        nodes=[_standing(each.node, each.standing) for each in standings],
        conflicts=list(await openldap.conflicts()),
        removed=list(await openldap.removed()),
        counts=[
            wire.DirectoryCount(
                tenant=each.tenant, kind=each.kind, count=each.count, sha256=each.digest
            )
            for each in home.counts
        ],
        self_link=f"{call.base}{wire.HOME}",
    )


async def _list(call: Call) -> wire.DirectoryNodeList:
    nodes = await _openldap(call).nodes.list_nodes()
    page = await paginate(call, of_names(call.store, nodes, None))
    return wire.DirectoryNodeList(
        items=[show_node(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.DirectoryNode:
    return show_node(call, await _openldap(call).nodes.get_node(call.id))


async def _create(call: Call, plan: bool) -> wire.CreatedDirectoryNode:
    body: wire.DirectoryNodeCreateSpec = call.body
    node, bundle = await _openldap(call).nodes.add_node(
        body.name,
        host=body.host,
        port=body.port,
        site=body.site,
        local=body.local,
        plan=plan,
    )
    return _made(call, node, bundle)


async def _created(call: Call) -> wire.CreatedDirectoryNode:
    return _made(call, await _openldap(call).nodes.get_node(call.body.name))


async def _replace(call: Call, plan: bool) -> wire.CreatedDirectoryNode:
    node, bundle = await _openldap(call).nodes.replace_node(call.id, plan=plan)
    return _made(call, node, bundle)


async def _replaced(call: Call) -> wire.CreatedDirectoryNode:
    return _made(call, await _openldap(call).nodes.get_node(call.id))


async def _delete(call: Call, plan: bool) -> None:
    await _openldap(call).nodes.remove_node(call.id, plan=plan)


async def _move(call: Call, plan: bool) -> wire.DirectoryHome:
    await _openldap(call).move(call.body.to, plan=plan)
    return await show_home(call)


def _would_move(home: wire.DirectoryHome) -> list[str]:
    """What a planned move comes to."""
    return [
        f"{counted(each.count, each.kind)} of tenant {each.tenant}"
        for each in home.counts
        if each.count
    ]


HANDLERS: dict[str, Handler] = {
    "createDirectoryNode": Applies(_create, KIND, again=_created),
    "listDirectoryNodes": Reads(_list),
    "getDirectoryNode": Reads(_show),
    "deleteDirectoryNode": Applies(_delete, KIND, again=nothing),
    "replaceDirectoryNode": Applies(_replace, KIND, again=_replaced),
    "getDirectoryHome": Reads(show_home),
    "moveDirectory": Applies(_move, HOME_KIND, told=_would_move),
}
