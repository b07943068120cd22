"""OpenStack: JSON documents, by a metadata service or on a disk (ConfigDrive)."""

from __future__ import annotations

import json

from heliostat.testing.clouds.contract import (
    METADATA,
    NOT_FOUND,
    Answer,
    Asked,
    Cloud,
    Endpoint,
    Order,
    listing,
)
from heliostat.testing.clouds.ec2 import tree_of

_VERSIONS = ("2012-08-10", "2017-02-22", "2018-08-27", "latest")


def openstack(order: Order, mac: str) -> Cloud:
    """Nova's metadata service."""
    found = {name: Answer(text) for name, text in documents(order, mac).items()}
    fallback = tree_of(order)

    def answer(asked: Asked) -> Answer:
        parts = asked.path.strip("/").split("/")
        match parts:
            case ["openstack"]:
                return Answer("\n".join(_VERSIONS))
            case ["openstack", version]:
                return Answer("\n".join(found)) if version in _VERSIONS else NOT_FOUND
            case ["openstack", version, name] if version in _VERSIONS:
                return found.get(name, NOT_FOUND)
            case [version, *rest] if version in ("latest", "2009-04-04"):
                return listing(fallback, "/".join(rest))
        return NOT_FOUND

    smbios = ["type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova"]
    return Cloud("OpenStack", smbios, [Endpoint(METADATA, 80, answer)])


def config_drive(order: Order, mac: str) -> dict[str, str]:
    """The files of a ConfigDrive; its volume is called ``config-2``."""
    found = documents(order, mac).items()
    return {f"openstack/latest/{name}": text for name, text in found}


def documents(order: Order, mac: str) -> dict[str, str]:
    """What both hold; the network of the card with this address comes by DHCP."""
    metadata = {
        "uuid": order.instance_id,
        "hostname": order.hostname,
        "name": order.hostname,
        "public_keys": {"ordered": order.public_key},
        "availability_zone": "nova",
        "launch_index": 0,
    }
    link = {"id": "tap0", "type": "phy", "ethernet_mac_address": mac, "mtu": 1400}
    network = {"id": "network0", "type": "ipv4_dhcp", "link": "tap0", "network_id": "n"}
    return {
        "meta_data.json": json.dumps(metadata),
        "network_data.json": json.dumps({"links": [link], "networks": [network], "services": []}),
        "user_data": order.user_data,
        "vendor_data.json": "{}",
    }
