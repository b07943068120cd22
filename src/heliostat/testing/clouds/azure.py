"""Azure: instance metadata in one document, a wire server that waits for "ready", and a CD.

The CD is there at the first boot only; whoever can't read it, as it is UDF, makes do with the
metadata, which know neither passwords nor custom data.
"""

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
USER = "azureuser"
LABEL = "rd_rdfe_stable.000000-0000"
"""Of the CD."""
CHASSIS = "7783-7084-3265-9085-8269-3286-77"
_GOAL_STATE = """\
<?xml version="1.0" encoding="utf-8"?>
<GoalState><Version>2012-11-30</Version><Incarnation>1</Incarnation>
<Container><ContainerId>container-1</ContainerId><RoleInstanceList><RoleInstance>
<InstanceId>{instance_id}</InstanceId><State>Started</State>
</RoleInstance></RoleInstanceList></Container></GoalState>
"""
_PROVISIONING = """\
<?xml version="1.0" encoding="utf-8"?>
<ns0:Environment xmlns:ns0="http://schemas.dmtf.org/ovf/environment/1"
 xmlns:ns1="http://schemas.microsoft.com/windowsazure">
<ns1:ProvisioningSection><ns1:Version>1.0</ns1:Version>
<ns1:LinuxProvisioningConfigurationSet>
<ns1:ConfigurationSetType>LinuxProvisioningConfiguration</ns1:ConfigurationSetType>
<ns1:HostName>{hostname}</ns1:HostName>
<ns1:UserName>{user}</ns1:UserName>
<ns1:DisableSshPasswordAuthentication>true</ns1:DisableSshPasswordAuthentication>
<ns1:CustomData>{custom_data}</ns1:CustomData>
</ns1:LinuxProvisioningConfigurationSet></ns1:ProvisioningSection>
<ns1:PlatformSettingsSection><ns1:Version>1.0</ns1:Version><ns1:PlatformSettings>
<ns1:ProvisionGuestAgent>false</ns1:ProvisionGuestAgent>
<ns1:PreprovisionedVm>false</ns1:PreprovisionedVm>
</ns1:PlatformSettings></ns1:PlatformSettingsSection>
</ns0:Environment>
"""


def azure(order: Order, mac: str) -> Cloud:
    """Known by the asset tag of its chassis; the user's name is ``USER``."""
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


def provisioning(order: Order) -> str:
    """The document ``ovf-env.xml`` on the CD; the user data are its custom data."""
    custom_data = base64.b64encode(order.user_data.encode()).decode()
    return _PROVISIONING.format(hostname=order.hostname, user=USER, custom_data=custom_data)


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
            "adminUsername": USER,
            "computerName": order.hostname,
            "disablePasswordAuthentication": "true",
        },
        "publicKeys": [{"keyData": order.public_key, "path": ""}],
        "userData": base64.b64encode(order.user_data.encode()).decode(),
        "vmId": order.instance_id,
    }
    return {"compute": compute, "network": {"interface": [card]}}
