"""Subnets."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.api.listing import of_kind
from heliostat.controller.api.unoffered import refusals
from heliostat.controller.model.subnet import Subnet
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows import subnet as verbs
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.wire import subnets as wire


def show_subnet(call: Call, subnet: Subnet) -> wire.Subnet:
    """A subnet as existing clients read it."""
    return wire.Subnet(
        id=subnet.id,
        kind=kinds.SUBNET,
        name=subnet.name,
        description=subnet.description,
        private_ip_cidr=subnet.private_ip_cidr,
        reserved_ips=subnet.reserved_ips,
        state=subnet.state,
        is_default=subnet.is_default,
        port_groups=wire.PortGroups(names=list(subnet.port_groups)),
        dns_server_addresses=list(subnet.dns_server_addresses),
        self_link=f"{call.base}/v1/subnets/{subnet.id}",
    )


async def _list(call: Call) -> wire.SubnetList:
    name = call.query.get("name")
    read = of_kind(call.store, kinds.SUBNETS, lambda subnet: name in (None, subnet.name))
    page = await paginate(call, read)
    items = [show_subnet(call, each) for each in page.items]
    return wire.SubnetList(items=items, next_page_link=page.link, previous_page_link=page.previous)


async def _show(call: Call) -> wire.Subnet:
    return show_subnet(call, (await reading.subnet(call.store, call.id)).value)


async def _set_default(call: Call, caller: Caller) -> Admission:
    return await verbs.subnet_set_default(call.ports, caller, call.id)


HANDLERS: dict[str, Handler] = {
    "listSubnets": Reads(_list),
    "getSubnet": Reads(_show),
    "setDefaultSubnet": Decides(_set_default),
    **refusals(wire.ROUTES),
}
