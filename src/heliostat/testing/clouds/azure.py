"""Azure: instance metadata in one document, and a wire server that waits for "ready"."""

from __future__ import annotations

import base64
import json

from heliostat.testing.clouds.contract import (
    METADATA,
    NOT_FOUND,
    Answer,
    Asked,
    Cloud,
    Endpoint,
    Order,
)

WIRE_SERVER = "168.63.129.16"
CHASSIS = "7783-7084-3265-9085-8269-3286-77"
_GOAL_STATE = """\
<?xml version="1.0" encoding="utf-8"?>
<GoalState><Version>2012-11-30</Version><Incarnation>1</Incarnation>
<Container><ContainerId>container-1</ContainerId><RoleInstanceList><RoleInstance>
<InstanceId>{instance_id}</InstanceId><State>Started</State>
</RoleInstance></RoleInstanceList></Container></GoalState>
"""


def azure(order: Order, mac: str) -> Cloud:
    """Known by the asset tag of its chassis; the user's name is ``azureuser``."""
    document = json.dumps(instance(order, mac))

    def metadata(asked: Asked) -> Answer:
        if asked.headers.get("metadata", "").lower() != "true":
            return Answer('{"error": "Bad request. Required metadata header."}', 400)
        if asked.path == "/metadata/instance" and "api-version" in asked.query:
            return Answer(document, content_type="application/json")
        return NOT_FOUND

    def wire_server(asked: Asked) -> Answer:
        if asked.path.rstrip("/") != "/machine" or "x-ms-version" not in asked.headers:
            return NOT_FOUND
        if asked.query.get("comp") == "goalstate":
            state = _GOAL_STATE.format(instance_id=order.instance_id)
            return Answer(state, content_type="text/xml")
        if asked.query.get("comp") == "health" and asked.method == "POST":
            return Answer(status=200 if "<State>" in asked.body else 400)
        return NOT_FOUND

    maker = "manufacturer=Microsoft Corporation"
    smbios = [
        f"type=1,{maker},product=Virtual Machine,uuid={order.instance_id}",
        f"type=3,{maker},asset={CHASSIS}",
    ]
    endpoints = [Endpoint(METADATA, 80, metadata), Endpoint(WIRE_SERVER, 80, wire_server)]
    return Cloud("Azure", smbios, endpoints)


def instance(order: Order, mac: str) -> dict[str, object]:
    """The document of ``/metadata/instance``."""
    address = {"privateIpAddress": "10.0.2.15", "publicIpAddress": ""}
    subnet = {"address": "10.0.2.0", "prefix": "24"}
    card = {
        "ipv4": {"ipAddress": [address], "subnet": [subnet]},
        "ipv6": {"ipAddress": []},
        "macAddress": mac.replace(":", "").upper(),
    }
    compute = {
        "customData": "",
        "location": "nowhere",
        "name": order.hostname,
        "osProfile": {
            "adminUsername": "azureuser",
            "computerName": order.hostname,
            "disablePasswordAuthentication": "true",
        },
        "publicKeys": [{"keyData": order.public_key, "path": ""}],
        "userData": base64.b64encode(order.user_data.encode()).decode(),
        "vmId": order.instance_id,
    }
    return {"compute": compute, "network": {"interface": [card]}}
