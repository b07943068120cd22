"""Names and JSON types that existing clients send and read.

``*`` after a name: clients read it into a plain field, so it is always sent.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heliostat.wire import (
    body,
    datastores,
    disks,
    errors,
    flavors,
    hosts,
    iam,
    images,
    projects,
    quotas,
    subnets,
    system,
    tasks,
    tenants,
    vms,
    zones,
)

READ: dict[Any, str] = {
    errors.ApiError: "code* message* data*",
    body.EntityRef: "id* kind*",
    body.SecurityGroup: "name* inherited*",
    tasks.Step: (
        "id* state* startedTime* queuedTime* endTime sequence operation resourceProperties errors "
        "warnings options"
    ),
    tasks.Task: (
        "id* state* startedTime* queuedTime* endTime operation entity selfLink steps "
        "resourceProperties"
    ),
    tasks.TaskList: "items*",
    quotas.QuotaItem: "unit* limit* usage*",
    quotas.Quota: "quotaItems*",
    quotas.QuotaLineItem: "unit* value* key*",
    tenants.Tenant: "projects* kind* name* id* selfLink* tags* securityGroups* quota",
    tenants.ProjectRef: "name* id*",
    projects.Project: "kind* name* id* tags* selfLink* securityGroups* quota",
    flavors.Flavor: "cost* kind* name* id* tags* selfLink* state*",
    images.Image: (
        "size* kind* name* state* id* tags* scope* selfLink* settings* replicationType* "
        "replicationProgress* seedingProgress*"
    ),
    images.ImageScope: "kind* id*",
    images.ImageSetting: "name* defaultValue*",
    vms.AttachedDisk: "flavor* kind* capacityGb name* state* id bootDisk*",
    vms.Iso: "size kind name* id*",
    vms.Vm: (
        "sourceImageId cost* kind* attachedDisks* datastore attachedIsos tags metadata selfLink "
        "flavor* host name* state* id* floatingIp*"
    ),
    disks.Disk: "flavor* cost* kind* datastore capacityGb name* state* id* vms* tags selfLink",
    hosts.Host: (
        "username* password* address* kind* id* zone usageTags* metadata selfLink* state* "
        "esxVersion*"
    ),
    iam.RoleBinding: "principal* roles* role* subjects*",
    subnets.Subnet: (
        "id* kind* name* description privateIpCidr* reservedIps* state* isDefault* portGroups* "
        "dnsServerAddresses*"
    ),
    subnets.PortGroups: "names*",
    zones.Zone: "kind* name* state* id* selfLink*",
    datastores.Datastore: "kind* type* tags id* selfLink*",
    system.Info: "baseVersion* fullVersion* gitCommitHash* networkType*",
    system.AuthInfo: "endpoint domain port username securityGroups",
    system.Component: "component* message* status*",
    system.SystemStatus: "status* components*",
    system.SystemUsage: (
        "numberHosts* numberVMs* numberTenants* numberProjects* numberDatastores* numberServices*"
    ),
    system.SystemInfo: (
        "ntpEndpoint useImageDatastoreForVms auth* networkConfiguration* kind* syslogEndpoint "
        "stats serviceConfigurations state* imageDatastores* loadBalancerEnabled* "
        "loadBalancerAddress* baseVersion* "
        "fullVersion* gitCommitHash* networkType*"
    ),
}

SENT: dict[Any, dict[str, Any]] = {
    tenants.TenantCreateSpec: {
        "name": "t",
        "securityGroups": None,
        "quota": {"quotaItems": None},
    },
    projects.ProjectCreateSpec: {
        "name": "p",
        "securityGroups": ["D\\g"],
        "defaultRouterPrivateIpCidr": "192.168.0.0/16",
        "quota": {"quotaItems": {"vm.cpu": {"unit": "COUNT", "limit": 10, "usage": 0}}},
    },
    body.SecurityGroupsSpec: {"items": None},
    iam.RoleBindingSpec: {"principal": "p@d", "roles": ["owner"]},
    iam.RoleBindingDelta: {"principal": "p@d", "action": "ADD", "role": "owner"},
    flavors.FlavorCreateSpec: {
        "name": "f",
        "kind": "vm",
        "cost": [{"key": "vm.cpu", "value": 1, "unit": "COUNT"}],
    },
    vms.VmCreateSpec: {
        "name": "v",
        "flavor": "f",
        "sourceImageId": "i",
        "attachedDisks": [
            {"name": "d", "flavor": "f", "kind": "ephemeral-disk", "state": "", "bootDisk": True},
            {
                "name": "e",
                "flavor": "f",
                "kind": "ephemeral-disk",
                "capacityGb": 4,
                "state": "",
                "id": "",
                "bootDisk": False,
            },
        ],
        "affinities": None,
        "tags": None,
        "subnets": None,
        "environment": None,
    },
    vms.VmDiskOperation: {"diskId": "d", "arguments": None},
    vms.VmMetadata: {"metadata": None},
    vms.VmTag: {"value": "t"},
    disks.DiskCreateSpec: {
        "name": "d",
        "flavor": "f",
        "kind": "persistent-disk",
        "capacityGb": 1,
        "affinities": [{"kind": "vm", "id": "v"}],
        "tags": None,
    },
    hosts.HostCreateSpec: {
        "username": "root",
        "password": "secret",
        "zone": "z",
        "metadata": None,
        "address": "10.0.0.1",
        "usageTags": None,
    },
    hosts.SetZoneOperation: {"availabilityZoneId": "z"},
    zones.ZoneCreateSpec: {"name": "z"},
    datastores.ImageDatastores: {"items": None},
}


@pytest.mark.parametrize("struct", READ, ids=lambda struct: struct.__name__)
def test_fields_that_clients_read(struct: Any) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for name in READ[struct].split():
        field = fields[name.removesuffix("*")]
        if name.endswith("*"):
            assert field.required, f"{struct.__name__}.{name} might be left out"


@pytest.mark.parametrize("struct", SENT, ids=lambda struct: struct.__name__)
def test_bodies_that_clients_send(struct: Any) -> None:
    msgspec.json.decode(msgspec.json.encode(SENT[struct]), type=struct)


@pytest.mark.parametrize("struct", SENT, ids=lambda struct: struct.__name__)
def test_unknown_fields_are_refused(struct: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**SENT[struct], "surprise": 1}, struct)
