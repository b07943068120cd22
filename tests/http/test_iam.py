"""Policies over HTTP: both shapes, what lists show by them, and how VMs are found."""

from __future__ import annotations

from typing import Any

import aiohttp

from heliostat.controller.workflows.audit import audit
from heliostat.testing.site import Site

ANN = "ann@heliostat.local"


async def ask(
    session: aiohttp.ClientSession, site: Site, caller: str, call: str, body: Any = None
) -> tuple[int, Any]:
    method, path = call.split(" ", 1)
    headers = {"Authorization": f"Bearer {caller}"}
    async with session.request(method, site.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def is_ann(binding: Any) -> bool:
    return binding["principal"].lower() in (ANN, "heliostat.local\\ann")


def ids(page: Any) -> set[str]:
    return {each["id"] for each in page["items"]}


async def test_what_is_shown_can_be_set_again(site: Site, session: aiohttp.ClientSession) -> None:
    path = f"/v1/projects/{site.ids['web']}/iam"
    _, shown = await ask(session, site, "project-owner", f"GET {path}")
    assert len(shown) == 2
    status, _ = await ask(session, site, "project-owner", f"POST {path}", shown)
    assert status == 201
    assert (await ask(session, site, "project-owner", f"GET {path}"))[1] == shown


async def test_deltas_of_both_clients(site: Site, session: aiohttp.ClientSession) -> None:
    path = f"/v1/tenants/{site.ids['acme']}/iam"
    deltas = [
        {"principal": ANN, "action": "ADD", "role": "owner"},
        {"subject": "HELIOSTAT.LOCAL\\Ann", "action": "ADD", "role": "viewer"},
        {"principal": ANN, "action": "REMOVE", "role": "owner"},
        {"subject": "nobody@heliostat.local", "action": "REMOVE", "role": "viewer"},
    ]
    status, task = await ask(session, site, "tenant-admin", f"PATCH {path}", deltas)
    assert (status, task["operation"], task["state"]) == (201, "MODIFY_IAM_POLICY", "COMPLETED")
    _, shown = await ask(session, site, "tenant-admin", f"GET {path}")
    assert [each["role"] for each in shown if is_ann(each)] == ["viewer"]
    every = [{"subject": ANN, "action": "REMOVE", "role": "*"}]
    await ask(session, site, "tenant-admin", f"PATCH {path}", every)
    _, shown = await ask(session, site, "tenant-admin", f"GET {path}")
    assert not any(map(is_ann, shown))


async def test_a_role_on_one_vm_shows_the_way_to_it_and_no_more(
    site: Site, session: aiohttp.ClientSession
) -> None:
    acme, web, vm = (site.ids[name] for name in ("acme", "web", "vm-stopped"))
    _, tenants = await ask(session, site, "vm-owner", "GET /v1/tenants")
    assert ids(tenants) == {acme}
    assert [each["id"] for each in tenants["items"][0]["projects"]] == [web]
    _, projects = await ask(session, site, "vm-owner", f"GET /v1/tenants/{acme}/projects?name=web")
    assert ids(projects) == {web}
    assert (await ask(session, site, "vm-owner", f"GET /v1/projects/{web}"))[0] == 200
    _, vms = await ask(session, site, "vm-owner", f"GET /v1/projects/{web}/vms")
    assert ids(vms) == {vm}
    _, disks = await ask(session, site, "vm-owner", f"GET /v1/projects/{web}/disks")
    assert ids(disks) == set()
    assert (await ask(session, site, "vm-owner", f"POST /v1/vms/{vm}/start"))[0] == 201
    other = site.ids["vm-started"]
    for call in (
        f"GET /v1/vms/{other}",
        f"POST /v1/vms/{other}/stop",
        f"GET /v1/projects/{web}/tasks",
        f"GET /v1/projects/{site.ids['empty-project']}",
        f"GET /v1/tenants/{site.ids['umbrella']}",
    ):
        assert (await ask(session, site, "vm-owner", call))[0] == 403, call
    _, tasks = await ask(session, site, "vm-owner", "GET /v1/tasks")
    assert {each["operation"] for each in tasks["items"]} == {"START_VM"}


async def test_a_role_taken_away_is_gone_at_once(
    site: Site, session: aiohttp.ClientSession
) -> None:
    path = f"/v1/projects/{site.ids['web']}"
    assert (await ask(session, site, "viewer", f"GET {path}"))[0] == 200
    gone = [{"principal": "viewer@heliostat.local", "action": "REMOVE", "role": "*"}]
    assert (await ask(session, site, "project-owner", f"PATCH {path}/iam", gone))[0] == 201
    assert (await ask(session, site, "viewer", f"GET {path}"))[0] == 403
    _, tenants = await ask(session, site, "viewer", "GET /v1/tenants")
    assert ids(tenants) == set()


async def test_the_last_owner_can_go_but_is_warned_of(
    site: Site, session: aiohttp.ClientSession
) -> None:
    path = f"/v1/projects/{site.ids['web']}/iam"
    gone = [{"principal": "heliostat.local\\web-leads", "action": "REMOVE", "role": "owner"}]
    _, plan = await ask(session, site, "project-owner", f"PATCH {path}?plan=true", gone)
    assert [each["code"] for each in plan["warnings"]] == ["NoOwnerLeft"]
    _, task = await ask(session, site, "project-owner", f"PATCH {path}", gone)
    assert [each["code"] for each in task["steps"][0]["warnings"]] == ["NoOwnerLeft"]
    assert (await ask(session, site, "project-owner", f"PATCH {path}", gone))[0] == 403
    back = [{"principal": "heliostat.local\\web-leads", "action": "ADD", "role": "owner"}]
    assert (await ask(session, site, "admin", f"PATCH {path}", back))[0] == 201


async def test_a_role_on_a_tenant_counts_inside(site: Site, session: aiohttp.ClientSession) -> None:
    umbrella = site.ids["umbrella"]
    spec = {"name": "lab"}
    _, made = await ask(session, site, "stranger", f"POST /v1/tenants/{umbrella}/projects", spec)
    lab = made["entity"]["id"]
    give = [{"principal": "viewer@heliostat.local", "action": "ADD", "role": "contributor"}]
    await ask(session, site, "stranger", f"PATCH /v1/tenants/{umbrella}/iam", give)
    _, tenants = await ask(session, site, "viewer", "GET /v1/tenants")
    assert ids(tenants) == {umbrella, site.ids["acme"]}
    status, _ = await ask(
        session, site, "viewer", f"POST /v1/tenants/{umbrella}/projects", {"name": "b"}
    )
    assert status == 201
    status, _ = await ask(session, site, "viewer", f"PATCH /v1/projects/{lab}/iam", give)
    assert status == 403


async def test_wrong_policies(site: Site, session: aiohttp.ClientSession) -> None:
    path = f"/v1/projects/{site.ids['web']}/iam"
    for body, field in (
        ([{"principal": "no domain", "roles": ["owner"]}], "[0].principal"),
        ([{"principal": ANN, "roles": ["owner"]}, {"role": "boss", "subjects": [ANN]}], "[1].role"),
        ([{"principal": ANN}], "[0]"),
        ([{}], "[0]"),
        ([{"role": "viewer", "subjects": [f"u{n}@x" for n in range(41)]}], "policy"),
    ):
        status, error = await ask(session, site, "project-owner", f"POST {path}", body)
        assert (status, error["code"], error["data"]["field"]) == (400, "InvalidEntity", field)
    for delta, field in (
        ({"principal": ANN, "subject": "b@x", "action": "ADD", "role": "owner"}, "[0].subject"),
        ({"principal": ANN, "action": "GRANT", "role": "owner"}, "[0].action"),
        ({"principal": ANN, "action": "ADD", "role": "*"}, "role"),
    ):
        status, error = await ask(session, site, "project-owner", f"PATCH {path}", [delta])
        assert (status, error["code"], error["data"]["field"]) == (400, "InvalidEntity", field)


async def test_the_books_stay_in_order(site: Site, session: aiohttp.ClientSession) -> None:
    """Every principal is an index entry, made and removed with its binding."""
    before = await audit(site.ports.store)
    for kind, name in (("tenants", "acme"), ("projects", "web"), ("vms", "vm-bare")):
        for body in ([{"role": "viewer", "subjects": [ANN, "A\\b/c%d"]}], []):
            call = f"POST /v1/{kind}/{site.ids[name]}/iam"
            assert (await ask(session, site, "admin", call, body))[0] == 201
            assert await audit(site.ports.store) == before


async def test_a_ticket_is_shown_to_whoever_asked_for_it_alone(
    site: Site, session: aiohttp.ClientSession
) -> None:
    vm = site.ids["vm-started"]
    status, _ = await ask(session, site, "viewer", f"GET /v1/vms/{vm}/mks_ticket")
    assert status == 403
    status, task = await ask(session, site, "project-user", f"GET /v1/vms/{vm}/mks_ticket")
    assert status == 200
    ticket = task["resourceProperties"]["ticket"]
    assert ticket
    _, own = await ask(session, site, "project-user", f"GET /v1/tasks/{task['id']}")
    assert own == task
    for caller in ("viewer", "project-owner", "admin"):
        _, seen = await ask(session, site, caller, f"GET /v1/tasks/{task['id']}")
        assert seen["resourceProperties"]["ticket"] == ""
        _, page = await ask(session, site, caller, f"GET /v1/vms/{vm}/tasks")
        assert ticket not in str(page)


async def test_an_image_can_be_lent_to_another_project(
    site: Site, session: aiohttp.ClientSession
) -> None:
    umbrella, image = site.ids["umbrella"], site.ids["project-image"]
    call = f"POST /v1/tenants/{umbrella}/projects"
    _, made = await ask(session, site, "stranger", call, {"name": "lab"})
    boot = {"name": "b", "flavor": "boot", "kind": "ephemeral-disk", "bootDisk": True}
    spec = {"name": "v", "flavor": "small", "sourceImageId": image, "attachedDisks": [boot]}
    call = f"POST /v1/projects/{made['entity']['id']}/vms"
    path = f"/v1/images/{image}"
    for role, seen, status in ((None, 403, 404), ("viewer", 200, 404), ("contributor", 200, 201)):
        if role is not None:
            give = [{"principal": "stranger@heliostat.local", "action": "ADD", "role": role}]
            assert (await ask(session, site, "project-owner", f"PATCH {path}/iam", give))[0] == 201
        assert (await ask(session, site, "stranger", f"GET {path}"))[0] == seen
        found, error = await ask(session, site, "stranger", call, spec)
        assert found == status, error
    _, images = await ask(session, site, "stranger", "GET /v1/images")
    assert image in ids(images)
    assert (await ask(session, site, "stranger", f"DELETE {path}"))[0] == 403
    assert (await ask(session, site, "project-user", f"DELETE {path}"))[0] == 201
    _, shown = await ask(session, site, "project-owner", f"GET {path}")
    assert shown["state"] == "PENDING_DELETE"


async def test_a_role_on_one_vm_opens_nothing_beside_it(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """A disk that is attached, or an image that is made, is a second thing with its own roles."""
    vm, disk = site.ids["vm-stopped"], site.ids["disk"]
    attach = f"POST /v1/vms/{vm}/attach_disk"
    body = {"diskId": disk}
    status, error = await ask(session, site, "vm-owner", attach, body)
    assert (status, error["code"]) == (403, "AccessForbidden")
    image = {"name": "copy", "replicationType": "ON_DEMAND"}
    status, error = await ask(session, site, "vm-owner", f"POST /v1/vms/{vm}/create_image", image)
    assert (status, error["code"]) == (403, "AccessForbidden")
    give = [{"principal": "vm-owner@heliostat.local", "action": "ADD", "role": "contributor"}]
    assert (await ask(session, site, "project-owner", f"PATCH /v1/disks/{disk}/iam", give))[
        0
    ] == 201
    assert (await ask(session, site, "vm-owner", attach, body))[0] == 201
