"""Commands about roles, subnets and the site: what they send, and what they print."""

from __future__ import annotations

from typing import Any

import pytest

from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController

BINDING = {
    "principal": "ann@heliostat.local",
    "roles": ["viewer"],
    "role": "viewer",
    "subjects": ["ann@heliostat.local"],
}
IN_PROJECT = ("--project", answers.PROJECT)


def accept(controller: RecordingController, call: str, **task: Any) -> None:
    controller.answer(call, answers.task(**task), status=201)


def test_who_holds_which_role(helio: Any, controller: RecordingController) -> None:
    controller.answer(f"GET /v1/tenants/{answers.TENANT}/iam", [BINDING])
    table = helio("tenant", "iam", "show", answers.TENANT).out.splitlines()
    assert [line.split() for line in table] == [
        ["PRINCIPAL", "ROLE"],
        ["ann@heliostat.local", "viewer"],
    ]
    assert helio("tenant", "iam", "show", answers.TENANT, "-o", "json").json == [BINDING]
    assert helio("tenant", "iam", "show", answers.TENANT, "-q").out == "ann@heliostat.local\n"


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("tenant",), f"tenants/{answers.TENANT}"),
        (("project",), f"projects/{answers.PROJECT}"),
        (("image",), f"images/{answers.IMAGE}"),
        (("vm",), f"vms/{answers.VM}"),
        (("disk",), f"disks/{answers.DISK}"),
    ],
)
def test_roles_are_added_removed_and_set(
    helio: Any, controller: RecordingController, words: tuple[str, ...], path: str
) -> None:
    call, id_ = f"/v1/{path}/iam", path.partition("/")[2]
    for method in ("PATCH", "PATCH", "POST"):
        accept(controller, f"{method} {call}", operation="MODIFY_IAM_POLICY")
    assert helio(*words, "iam", "add", id_, "D\\leads", "owner").code == 0
    assert helio(*words, "iam", "remove", id_, "D\\leads", "all").code == 0
    assert helio(*words, "iam", "set", id_, "owner=ann@d", "viewer=D\\all").code == 0
    added, removed = (seen.json[0] for seen in controller.calls(f"PATCH {call}"))
    assert (added["action"], added["principal"], added["role"]) == ("ADD", "D\\leads", "owner")
    assert (removed["action"], removed["role"]) == ("REMOVE", "*")
    asked = controller.calls(f"POST {call}")[0].json
    assert [(each["role"], each["subjects"]) for each in asked] == [
        ("owner", ["ann@d"]),
        ("viewer", ["D\\all"]),
    ]


def test_an_unknown_role_is_refused_before_it_is_sent(
    helio: Any, controller: RecordingController
) -> None:
    assert helio("vm", "iam", "add", answers.VM, "D\\a", "king").code == 2
    assert helio("vm", "iam", "set", answers.VM, "king=D\\a").code == 2
    assert not controller.seen


def test_pause_and_resume(helio: Any, controller: RecordingController) -> None:
    for verb in ("pause", "pause-background-tasks", "resume"):
        accept(controller, f"POST /v1/system/{verb}", operation=verb.upper())
    assert helio("system", "pause").code == 0
    assert helio("system", "pause", "--background").code == 0
    assert helio("system", "resume").code == 0
    assert [seen.path for seen in controller.seen] == [
        "/v1/system/pause",
        "/v1/system/pause-background-tasks",
        "/v1/system/resume",
    ]


def test_properties(helio: Any, controller: RecordingController) -> None:
    grace = {"value": 5.0, "fromFile": 60.0, "changed": True, "summary": "s"}
    other = {"value": 1, "fromFile": 1, "changed": False, "summary": "s"}
    found = {"properties": {"workflows.stop_grace_s": grace, "workflows.x": other}}
    controller.answer("GET /v1/system/properties", found)
    assert len(helio("system", "properties").out.splitlines()) == 3
    assert helio("system", "properties", "--changed", "-q").out == "workflows.stop_grace_s\n"
    update = "POST /v1/system/properties/update"
    accept(controller, update, operation="UPDATE_SYSTEM_PROPERTIES")
    assert helio("system", "set", "workflows.stop_grace_s=5", "workflows.x=").code == 0
    asked = controller.calls(update)[0].json["properties"]
    assert asked == {"workflows.stop_grace_s": 5, "workflows.x": None}
    assert helio("system", "set", "nothing").code == 2


def test_groups_of_the_site(helio: Any, controller: RecordingController) -> None:
    call = "POST /v1/system/set-security-groups"
    accept(controller, call, operation="SET_SECURITY_GROUPS")
    assert helio("system", "set-groups", "D\\ops").code == 0
    assert controller.calls(call)[0].json == {"items": ["D\\ops"]}


def test_subnets(helio: Any, controller: RecordingController) -> None:
    subnet = {
        "id": answers.DISK,
        "kind": "subnet",
        "name": "default",
        "description": "",
        "privateIpCidr": "10.0.2.0/24",
        "reservedIps": {},
        "state": "READY",
        "isDefault": True,
        "portGroups": {"names": ["user"]},
        "dnsServerAddresses": [],
    }
    controller.answer("GET /v1/subnets", answers.page(subnet))
    assert helio("subnet", "list").out.splitlines()[1].split() == [
        answers.DISK,
        "default",
        "10.0.2.0/24",
        "READY",
        "yes",
    ]
    controller.answer(f"GET /v1/subnets/{answers.DISK}", subnet)
    assert "10.0.2.0/24" in helio("subnet", "show", "default").out
    call = f"POST /v1/subnets/{answers.DISK}/set_default"
    accept(controller, call, operation="SET_DEFAULT_SUBNET")
    assert helio("subnet", "set-default", "default").code == 0
