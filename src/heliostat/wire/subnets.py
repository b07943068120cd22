"""Subnets: what VMs are connected to.

A site without a software-defined network has one, physical: each host's user
networking.  Subnets of one's own come with such a network.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import NAME, PAGE, Route
from heliostat.wire.tasks import Task

MISSING = (
    "Subnets can't be made, changed or deleted on this site: it has the user networking of its "
    "hosts and no software-defined network, which this version does not offer yet."
)


class PortGroups(Response):
    """Names of the port groups of a physical subnet."""

    names: list[str]


class Subnet(Response):
    """A subnet; ``reserved_ips`` are addresses by what they are for."""

    id: str
    kind: str
    name: str
    description: str
    private_ip_cidr: str
    reserved_ips: dict[str, str]
    state: str
    is_default: bool
    port_groups: PortGroups
    dns_server_addresses: list[str]
    self_link: str = ""


class SubnetList(Response):
    """A page of subnets."""

    items: list[Subnet]
    next_page_link: str = ""
    previous_page_link: str = ""


def _missing(method: str, path: str, operation: str, summary: str) -> Route:
    return Route(
        method=method,
        path=path,
        operation=operation,
        access=Access.SYSTEM_ADMIN,
        summary=summary,
        response=Task,
        status=201,
        mutating=True,
        missing=MISSING,
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/subnets",
        operation="listSubnets",
        access=Access.AUTHENTICATED,
        summary="List the subnets.",
        response=SubnetList,
        query=(NAME, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/subnets/{id}",
        operation="getSubnet",
        access=Access.AUTHENTICATED,
        summary="Show a subnet.",
        response=Subnet,
    ),
    Route(
        method="POST",
        path="/v1/subnets/{id}/set_default",
        operation="setDefaultSubnet",
        access=Access.SYSTEM_ADMIN,
        summary="Connect VMs that name no subnet to this one.",
        response=Task,
        status=201,
        mutating=True,
    ),
    _missing("POST", "/v1/subnets", "createSubnet", "Make a subnet of port groups."),
    _missing("PATCH", "/v1/subnets/{id}", "updateSubnet", "Rename a subnet."),
    _missing("DELETE", "/v1/subnets/{id}", "deleteSubnet", "Delete a subnet."),
    _missing(
        "POST",
        "/v1/subnets/{id}/set_portgroups",
        "setSubnetPortGroups",
        "Replace the port groups of a subnet.",
    ),
)
