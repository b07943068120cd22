"""Commands as requests: what they send, and what they print in each form."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli import failures
from heliostat.cli.session import Session
from heliostat.cli.ssh import Login, arguments
from heliostat.client.logs import follow_log
from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController

OTHER = "99999999-9999-4999-8999-999999999999"
IN_PROJECT = ("--project", answers.PROJECT)


def expect_change(controller: RecordingController, call: str, **task: Any) -> None:
    controller.answer(call, answers.task(**task), status=201)


def test_a_list_in_three_forms(helio: Any, controller: RecordingController) -> None:
    controller.answer(
        f"GET /v1/projects/{answers.PROJECT}/vms", answers.page(answers.vm(), answers.vm("b", "b"))
    )
    table = helio("vm", "list", *IN_PROJECT).out.splitlines()
    assert table[0].split() == ["ID", "NAME", "STATE", "FLAVOR", "HOST"]
    assert table[1].split() == [answers.VM, "web1", "STARTED", "small", "10.0.0.5"]
    assert [vm["name"] for vm in helio("vm", "list", *IN_PROJECT, "-o", "json").json] == [
        "web1",
        "b",
    ]
    assert helio("-q", "vm", "list", *IN_PROJECT).out.split() == [answers.VM, "b"]


def test_an_empty_list_is_still_json(helio: Any, controller: RecordingController) -> None:
    controller.answer("GET /v1/tenants", answers.page())
    assert helio("tenant", "list", "-o", "json").json == []
    shown = helio("tenant", "list")
    assert (shown.out, shown.err) == ("", "No tenants.\n")


def test_names_are_resolved_where_they_live(helio: Any, controller: RecordingController) -> None:
    controller.answer("GET /v1/tenants", answers.page(answers.tenant()))
    controller.answer(f"GET /v1/tenants/{answers.TENANT}/projects", answers.page(answers.project()))
    controller.answer(f"GET /v1/projects/{answers.PROJECT}/vms", answers.page(answers.vm()))
    controller.answer(f"GET /v1/vms/{answers.VM}", answers.vm())
    shown = helio("vm", "show", "web1", "--tenant", "acme", "--project", "web")
    assert shown.code == 0
    assert "web1" in shown.out
    assert [seen.query for seen in controller.seen[:3]] == [
        {"name": "acme"},
        {"name": "web"},
        {"name": "web1"},
    ]


def test_an_ambiguous_name_lists_the_ids(helio: Any, controller: RecordingController) -> None:
    twins = answers.page(answers.vm(), answers.vm(vm_id=OTHER))
    controller.answer(f"GET /v1/projects/{answers.PROJECT}/vms", twins)
    error = helio("vm", "stop", "web1", *IN_PROJECT, "-o", "json").error
    assert error["code"] == "AmbiguousName"
    assert error["data"]["ids"] == [answers.VM, OTHER]
    assert answers.VM in error["message"]


def test_a_name_that_nobody_has(helio: Any, controller: RecordingController) -> None:
    controller.answer(f"GET /v1/projects/{answers.PROJECT}/vms", answers.page())
    error = helio("vm", "show", "nope", *IN_PROJECT, "-o", "json").error
    assert error["code"] == "VmNotFound"


def test_the_only_project_is_meant(helio: Any, controller: RecordingController) -> None:
    controller.answer("GET /v1/tenants", answers.page(answers.tenant()))
    controller.answer(f"GET /v1/tenants/{answers.TENANT}/projects", answers.page(answers.project()))
    controller.answer(f"GET /v1/projects/{answers.PROJECT}/vms", answers.page())
    assert helio("vm", "list").code == 0


def test_a_chosen_project_is_remembered_for_its_platform(
    helio: Any, controller: RecordingController
) -> None:
    controller.answer(f"GET /v1/projects/{answers.PROJECT}", answers.project())
    controller.answer(f"GET /v1/projects/{answers.PROJECT}/vms", answers.page())
    assert helio("project", "use", answers.PROJECT).code == 0
    assert helio("vm", "list").code == 0
    elsewhere = helio("vm", "list", "--target", "http://127.0.0.1:1")
    assert elsewhere.code == 3  # the choice does not follow to another platform


def test_a_task_is_followed_to_its_end(helio: Any, controller: RecordingController) -> None:
    expect_change(controller, f"POST /v1/vms/{answers.VM}/start", state="QUEUED")
    controller.answer(f"GET /v1/tasks/{answers.TASK}", answers.task("STARTED"))
    controller.answer(f"GET /v1/tasks/{answers.TASK}", answers.task("COMPLETED"))
    shown = helio("vm", "start", answers.VM)
    assert shown.out == f"START_VM completed: vm {answers.VM}\n"
    assert shown.err.splitlines() == ["START_VM: START_VM started", "START_VM: START_VM completed"]


def test_json_of_a_task_keeps_standard_error_empty(
    helio: Any, controller: RecordingController
) -> None:
    expect_change(controller, f"POST /v1/vms/{answers.VM}/start", state="QUEUED")
    controller.answer(f"GET /v1/tasks/{answers.TASK}", answers.task("COMPLETED"))
    shown = helio("vm", "start", answers.VM, "-o", "json")
    assert shown.json["state"] == "COMPLETED"
    assert shown.err == ""


def test_not_waiting_returns_the_accepted_task(helio: Any, controller: RecordingController) -> None:
    expect_change(controller, f"POST /v1/vms/{answers.VM}/stop", state="QUEUED")
    shown = helio("vm", "stop", answers.VM, "--no-wait")
    assert "queued" in shown.out
    assert f"helio task watch {answers.TASK}" in shown.err
    assert helio("vm", "stop", answers.VM, "--no-wait", "-q").out == f"{answers.VM}\n"


def test_a_plan_is_shown_and_nothing_is_done(helio: Any, controller: RecordingController) -> None:
    controller.answer(f"POST /v1/vms/{answers.VM}/start", answers.plan())
    shown = helio("vm", "start", answers.VM, "--plan")
    assert "nothing was changed" in shown.out
    assert "vm.cpu" in shown.out
    assert "limit 10 COUNT" in shown.out
    assert "ruled out 2: not READY" in shown.out
    assert [seen.query for seen in controller.seen] == [{"plan": "true"}]
    assert helio("vm", "start", answers.VM, "--plan", "-o", "json").json["operation"] == "START_VM"


def test_a_vm_is_described_in_full(
    helio: Any, controller: RecordingController, tmp_path: Path
) -> None:
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA ann\n")
    (tmp_path / "user-data").write_text("#cloud-config\n")
    call = f"POST /v1/projects/{answers.PROJECT}/vms"
    expect_change(controller, call, operation="CREATE_VM")
    expect_change(controller, f"POST /v1/vms/{answers.VM}/start")
    shown = helio(
        *("vm", "create", "web1", *IN_PROJECT, "--flavor", "small", "--image", answers.IMAGE),
        *("--boot-flavor", "ephemeral", "--disk", "scratch ephemeral 5", "--tag", "blue"),
        *("--ssh-key", str(tmp_path / "id.pub"), "--user-data", str(tmp_path / "user-data")),
        *("--env", "a=b=c", "--affinity", f"host:{answers.HOST}", "--start"),
        *("--anti-affinity", "label:app=etcd@zone", "--prefer", "zone:north"),
        *("--prefer-away", "vm:other"),
    )
    assert shown.code == 0, shown.err
    body = controller.calls(call)[0].json
    assert body["attachedDisks"][0] == {
        "name": "web1-boot0",
        "kind": "ephemeral-disk",
        "flavor": "ephemeral",
        "bootDisk": True,
        "capacityGb": None,
        "state": "",
        "id": "",
    }
    assert body["attachedDisks"][1]["capacityGb"] == 5
    assert body["sshKeys"] == ["ssh-ed25519 AAAA ann"]
    assert body["userData"] == "#cloud-config\n"
    assert body["environment"] == {"a": "b=c"}
    assert body["affinities"] == [
        {"kind": "host", "id": answers.HOST},
        {"kind": "label", "id": "app=etcd", "negative": True, "scope": "availabilityZone"},
        {"kind": "availabilityZone", "id": "north", "preferred": True},
        {"kind": "vm", "id": "other", "negative": True, "preferred": True},
    ]
    assert len(controller.calls(f"POST /v1/vms/{answers.VM}/start")) == 1


def test_a_private_key_never_travels(helio: Any, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    shown = helio(
        *("vm", "create", "x", "--flavor", "f", "--image", answers.IMAGE, *IN_PROJECT),
        *(
            "--boot-flavor",
            "e",
            "--ssh-key",
            str(tmp_path / "id"),
            "--target",
            "http://127.0.0.1:1",
        ),
    )
    assert shown.code == 2
    assert "id.pub" in shown.err


def test_limits_travel_as_the_api_wants_them(helio: Any, controller: RecordingController) -> None:
    call = f"PATCH /v1/tenants/{answers.TENANT}/quota"
    expect_change(controller, call, operation="UPDATE_QUOTA", kind="tenant")
    helio("quota", "update", "vm.cpu 10 COUNT", "--tenant", answers.TENANT)
    assert controller.calls(call)[0].json == {
        "vm.cpu": {"limit": 10.0, "unit": "COUNT", "usage": 0.0}
    }


def test_a_host_is_added_with_the_command_that_joins_it(
    helio: Any, controller: RecordingController
) -> None:
    created = answers.task(operation="CREATE_HOST", kind="host", entity_id=answers.HOST)
    controller.answer("POST /v1/infrastructure/hosts", created, status=201)
    token = {"hostId": answers.HOST, "token": "hjt1.secret", "expiresTime": 9000}
    controller.answer(f"POST /v1/infrastructure/hosts/{answers.HOST}/join-token", token, status=201)
    shown = helio("host", "create", "10.0.0.7")
    assert "helio agent --join hjt1.secret" in shown.out
    assert helio("host", "create", "10.0.0.7", "-o", "json").json == token
    body = controller.calls("POST /v1/infrastructure/hosts")[0].json
    assert body["address"] == "10.0.0.7"
    assert body["usageTags"] == ["CLOUD"]
    assert body["password"] == ""


def test_an_upload_is_followed_too(
    helio: Any, controller: RecordingController, tmp_path: Path
) -> None:
    (tmp_path / "d.qcow2").write_bytes(b"x" * 2048)
    expect_change(controller, "POST /v1/images", operation="CREATE_IMAGE", kind="image")
    shown = helio("image", "upload", str(tmp_path / "d.qcow2"), "--name", "base")
    assert shown.out.startswith("CREATE_IMAGE completed")
    assert "upload: 100% of 2.0 KiB" in shown.err


def test_addresses_of_a_vm(helio: Any, controller: RecordingController) -> None:
    found = [{"network": "user", "macAddress": "52:54", "ipAddress": "10.0.2.15", "netmask": ""}]
    task = answers.task(operation="GET_NETWORKS")
    task["resourceProperties"] = {"networkConnections": found}
    controller.answer(f"GET /v1/vms/{answers.VM}/subnets", task)
    assert helio("vm", "networks", answers.VM, "-o", "json").json == found
    assert "10.0.2.15" in helio("vm", "networks", answers.VM).out


def test_an_explanation_counts_the_reasons(helio: Any, controller: RecordingController) -> None:
    note = {
        "at": 1,
        "decision": "PLACE",
        "reason": "No host of 3 fits.",
        "data": {"ruledOut": {"memory": 2, "state": 1}},
    }
    told = {
        "id": answers.TASK,
        "operation": "CREATE_VM",
        "state": "ERROR",
        "entity": {"kind": "vm", "id": answers.VM},
        "summary": "It failed.",
        "requestedBy": "ann@d",
        "requestId": "r",
        "steps": [
            {
                "operation": "RESERVE_RESOURCE",
                "sequence": 1,
                "state": "ERROR",
                "summary": "",
                "attempts": 1,
                "undo": "DONE",
                "decisions": [note],
                "errors": [answers.problem("NotEnoughMemoryResource", "No.")],
                "warnings": [],
            }
        ],
        "nextActions": ["Add a host."],
    }
    controller.answer(f"GET /v1/tasks/{answers.TASK}/explain", told)
    made = answers.page(answers.task(operation="CREATE_VM"))
    controller.answer(f"GET /v1/vms/{answers.VM}/tasks", made)
    assert "PLACE: No host of 3 fits." in helio("vm", "explain", answers.VM).out
    shown = helio("task", "explain", answers.TASK).out
    assert "PLACE: No host of 3 fits." in shown
    assert "2  memory" in shown
    assert "Add a host." in shown


def test_a_user_is_deleted_by_name(helio: Any, controller: RecordingController) -> None:
    user = {
        "id": "u1",
        "kind": "user",
        "name": "ann",
        "subject": "ann@d",
        "selfLink": "",
        "disabled": False,
        "createdTime": 0,
        "groups": [],
    }
    controller.answer("GET /v1/users", answers.page(user))
    controller.answer("DELETE /v1/users/u1", status=204)
    assert helio("user", "delete", "ann", "-o", "json").json == {"id": "u1"}


def test_a_service_account_gets_a_key_of_its_own(
    helio: Any, controller: RecordingController, tmp_path: Path
) -> None:
    account = {
        "id": "ci",
        "kind": "k",
        "name": "ci",
        "clientId": "ci",
        "selfLink": "",
        "groups": [],
    }
    controller.answer("POST /v1/service-accounts", account, status=201)
    key = tmp_path / "ci.json"
    assert helio("service-account", "create", "ci", "--key-file", str(key)).code == 0
    assert key.stat().st_mode & 0o777 == 0o600
    body = controller.seen[0].json
    assert body["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----")
    again = helio("service-account", "create", "ci", "--key-file", str(key))
    assert again.code == 1
    assert len(controller.seen) == 1


def test_keys_of_a_service_account_are_found_by_what_they_begin_with_or_are_called(
    helio: Any, controller: RecordingController, tmp_path: Path
) -> None:
    keys: list[dict[str, Any]] = [
        {"id": id_, "algorithm": "ES256", "publicKeyPem": "", "createdTime": 1, "title": title}
        for id_, title in (("abc1", "laptop"), ("abd2", ""))
    ]
    account: dict[str, Any] = {"groups": [], "keys": keys, "selfLink": ""}
    account |= {"id": "ci", "kind": "k", "name": "ci", "clientId": "ci"}
    controller.answer("GET /v1/service-accounts", answers.page(account))
    controller.answer("GET /v1/service-accounts/ci", account)
    controller.answer("DELETE /v1/service-accounts/ci/keys/abc1", status=204)
    table = helio("service-account", "key", "list", "ci").out.splitlines()
    assert table[1].split()[:3] == ["abc1", "ES256", "laptop"]
    for named in ("abc1", "abc", "laptop"):
        assert helio("-q", "service-account", "key", "remove", "ci", named).out == "abc1\n"
    assert helio("service-account", "key", "remove", "ci", "ab").code == 1
    assert "AccountKeyNotFound" in helio("service-account", "key", "remove", "ci", "x").err
    public = tmp_path / "key.pub"
    public.write_text("-----BEGIN PUBLIC KEY-----")
    controller.answer("POST /v1/service-accounts/ci/keys", account, status=201)
    added = helio("service-account", "key", "add", "ci", "--public-key", str(public), "--days", "9")
    assert added.code == 0
    told = controller.seen[-1].json
    assert (told["publicKey"], told["days"]) == (public.read_text(), 9)
    new = tmp_path / "new.json"
    assert helio("service-account", "key", "add", "ci", "--key-file", str(new)).code == 0
    assert controller.seen[-1].json["publicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    assert new.stat().st_mode & 0o777 == 0o600
    for wrong in (["--key-file", str(new)], [], ["--key-file", "x", "--public-key", str(public)]):
        assert helio("service-account", "key", "add", "ci", *wrong).code != 0


def test_ssh_goes_through_the_platform(tmp_path: Path) -> None:
    login = Login(Session(), answers.VM, "root", Path("/k/id"), 22)
    proxy = ["/opt/my python", "-m", "heliostat.cli", "vm", "tunnel", answers.VM, "22"]
    argv = arguments("ssh", login, tmp_path / "known 100%", proxy, ["uname", "-a"])
    assert argv[0] == "ssh"
    assert argv[-4:] == [f"vm-{answers.VM}", "--", "uname", "-a"]
    options = [argv[i + 1] for i, word in enumerate(argv) if word == "-o"]
    assert f"HostKeyAlias={answers.VM}" in options
    assert "StrictHostKeyChecking=accept-new" in options
    assert f'UserKnownHostsFile="{tmp_path}/known 100%%"' in options
    assert options[0].startswith("ProxyCommand='/opt/my python' -m heliostat.cli vm tunnel")


@pytest.mark.parametrize("text", ["x", "1:x", "99999"])
def test_a_local_port_that_is_none(helio: Any, controller: RecordingController, text: str) -> None:
    assert helio("vm", "tunnel", answers.VM, "80", "--listen", text).code == 2


def test_following_a_log_prints_what_comes_until_the_machine_is_gone(
    helio: Any, controller: RecordingController, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = partial(follow_log, sleep=lambda _s: None)
    monkeypatch.setattr("heliostat.cli.vm_records.follow_log", patient)
    call = f"GET /v1/vms/{answers.VM}/log"
    controller.answer(call, {"id": answers.VM, "text": "one two"})
    controller.answer(call, {"id": answers.VM, "text": "one two three"})
    controller.refuse(call, 404, "VmNotFound")
    shown = helio("vm", "log", answers.VM, "--follow", "--tail", "3")
    assert shown.out == "two three"
    assert "VmNotFound" in shown.err
    assert helio("vm", "log", answers.VM, "-f", "-o", "json").code == failures.USAGE


def test_labels_are_set_and_removed(helio: Any, controller: RecordingController) -> None:
    expect_change(controller, f"POST /v1/vms/{answers.VM}/labels", state="COMPLETED")
    assert helio("vm", "label", answers.VM, "app=web", "old-", "note=a-").code == 0
    assert controller.seen[-1].json == {"set": {"app": "web", "note": "a-"}, "remove": ["old"]}


def test_a_list_by_selector(helio: Any, controller: RecordingController) -> None:
    controller.answer(f"GET /v1/projects/{answers.PROJECT}/vms", answers.page(answers.vm()))
    assert helio("vm", "list", "-l", "app=web,!old", *IN_PROJECT).code == 0
    assert controller.seen[-1].query == {"selector": "app=web,!old"}
