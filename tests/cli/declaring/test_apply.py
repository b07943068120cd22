"""``helio apply`` and ``helio export`` against a whole small cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heliostat.agentlink.messages import Desired, DesiredVm, Fault
from heliostat.controller.workflows import reading, vm
from heliostat.testing.served_cloud import Served

TEAM = """\
set: web-team
flavors:
  - name: wee
    kind: vm
    cost: {vm: 1, vm.cpu: 1, vm.memory: 512 MB}
images:
  - {name: base, file: disk.raw}
tenants:
  - name: acme
    quota: {vm.cpu: 10 COUNT, vm.memory: 20 GB}
    projects:
      - name: web
        quota: {vm.cpu: 4 COUNT, vm.memory: 8 GB}
        securityGroups: ['heliostat.local\\web-users']
        disks:
          - {name: data, flavor: persistent, capacityGb: 5}
          - {name: logs, flavor: persistent, capacityGb: 2}
        vms:
          - name: web1
            flavor: wee
            image: base
            attach: [data, logs]
            power: started
            labels: {app: web}
            sshKeys: [key.pub]
          - {name: web2, flavor: wee, image: base}
"""


@pytest.fixture
def team(tmp_path: Path) -> Path:
    (tmp_path / "disk.raw").write_bytes(b"content")
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA me\n")
    path = tmp_path / "team.yaml"
    path.write_text(TEAM)
    return path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def project_id(served: Served) -> str:
    (tenant,) = await reading.tenants(served.cloud.store, name="acme")
    (project,) = await reading.projects(served.cloud.store, tenant.id, name="web")
    return project.id


async def test_made_and_then_nothing_to_do(helio: Any, served: Served, team: Path) -> None:
    planned = await helio("apply", "-f", str(team), "--plan")
    assert planned.code == 0
    assert "+ vm acme/web/web1" in planned.out
    assert planned.out.endswith("8 to create.\n")
    assert await reading.tenants(served.cloud.store) == []

    done = await helio("apply", "-f", str(team), "--yes")
    assert done.code == 0, done.err
    machines = await reading.vms(served.cloud.store, await project_id(served))
    assert {each.name: (each.state, len(each.attached_disk_ids)) for each in machines} == {
        "web1": ("STARTED", 2),
        "web2": ("STOPPED", 0),
    }
    assert machines[0].labels["heliostat.io/applied-by"] == "web-team"
    await served.cloud.check()

    revision = await served.cloud.store.revision()
    again = await helio("apply", "-f", str(team), "--yes")
    assert (again.code, again.out) == (0, "Nothing to do.\n")
    assert await served.cloud.store.revision() == revision


async def test_a_difference_is_shown_field_by_field_and_carried_out(
    helio: Any, served: Served, team: Path
) -> None:
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    change(team, "vm.cpu: 4 COUNT", "vm.cpu: 6 COUNT")
    change(team, "power: started", "power: stopped")
    change(team, "attach: [data, logs]", "attach: [data]")
    change(team, "{app: web}", "{app: shop}")
    shown = await helio("apply", "-f", str(team), "--plan")
    for line in (
        "~ project acme/web",
        "    quota.vm.cpu: 4 COUNT → 6 COUNT",
        "~ vm acme/web/web1",
        "    power: started → stopped",
        "    attach: data, logs → data",
        "    labels.app: web → shop",
        "2 to change.",
    ):
        assert line in shown.out.splitlines(), shown.out
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    assert (await helio("apply", "-f", str(team), "--yes")).out == "Nothing to do.\n"
    await served.cloud.check()


async def test_what_can_not_be_changed_is_told_and_remade_only_when_asked(
    helio: Any, served: Served, team: Path
) -> None:
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    change(team, "{name: web2, flavor: wee", "{name: web2, flavor: small")
    before = await reading.vms(served.cloud.store, await project_id(served), name="web2")
    shown = await helio("apply", "-f", str(team), "--yes")
    assert shown.code == 1
    assert "! vm acme/web/web2" in shown.out
    assert "--remake 'vm acme/web/web2' deletes it and makes it anew" in shown.out
    assert await reading.vms(served.cloud.store, await project_id(served), name="web2") == before
    asked = ("apply", "-f", str(team), "--yes", "--remake", "vm acme/web/web2")
    assert (await helio(*asked)).code == 0
    (after,) = await reading.vms(served.cloud.store, await project_id(served), name="web2")
    assert (after.flavor, after.id == before[0].id) == ("small", False)
    assert (await helio("apply", "-f", str(team), "--yes")).out == "Nothing to do.\n"


async def test_prune_deletes_what_is_of_the_set_and_declared_no_more(
    helio: Any, served: Served, team: Path
) -> None:
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    where = ("--tenant", "acme", "--project", "web")
    await helio("vm", "create", "by-hand", "--flavor", "wee", "--image", "base", *where)
    change(team, "          - {name: web2, flavor: wee, image: base}\n", "")
    change(team, "          - {name: logs, flavor: persistent, capacityGb: 2}\n", "")
    change(team, "attach: [data, logs]", "attach: [data]")
    shown = await helio("apply", "-f", str(team), "--prune", "--plan")
    assert "- vm acme/web/web2" in shown.out
    assert "disk acme/web/logs stays: it may hold data; --prune-disks deletes it" in shown.out
    assert (await helio("apply", "-f", str(team), "--prune", "--yes")).code == 0
    names = [v.name for v in await reading.vms(served.cloud.store, await project_id(served))]
    assert sorted(names) == ["by-hand", "web1"]
    disks = await reading.disks(served.cloud.store, await project_id(served))
    assert sorted(each.name for each in disks) == ["data", "logs"]
    pruned = await helio("apply", "-f", str(team), "--prune", "--prune-disks", "--yes")
    assert pruned.code == 0, pruned.err
    disks = await reading.disks(served.cloud.store, await project_id(served))
    assert {each.name: each.state for each in disks} == {"data": "ATTACHED", "logs": "DELETED"}
    await served.cloud.check()


async def test_everything_goes_by_pruning_to_an_empty_file(
    helio: Any, served: Served, team: Path
) -> None:
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    for each in await reading.disks(served.cloud.store, await project_id(served)):
        await helio("vm", "detach-disk", each.vm_id, each.id)
        await helio("disk", "delete", each.id, "--now")
    change(team, TEAM, "set: web-team\n")
    gone = await helio("apply", "-f", str(team), "--prune", "--yes")
    assert gone.code == 0, gone.out + gone.err
    assert await reading.tenants(served.cloud.store) == []
    assert "6 to delete." in gone.out
    await served.cloud.check()


async def test_what_fails_is_told_what_hangs_on_it_left_out_and_the_next_run_goes_on(
    helio: Any, served: Served, team: Path
) -> None:
    cloud = served.cloud
    (agent,) = cloud.agents.values()

    def refuses(item: Desired) -> Fault | None:
        big = not isinstance(item, DesiredVm) and getattr(item, "capacity_bytes", 0) == 5 << 30
        return Fault(code="HypervisorFailed", message="no luck", permanent=True) if big else None

    agent.refuses = refuses
    failed = await helio("apply", "-f", str(team), "--yes", "-o", "json")
    assert failed.code == 5
    results = {each["name"]: each for each in json.loads(failed.out)["actions"]}
    assert results["acme/web/data"]["result"] == "failed"
    assert results["acme/web/data"]["error"]["code"] == "HypervisorFailed"
    assert results["acme/web/web1"]["result"] == "skipped"
    assert results["acme/web/web2"]["result"] == "done"
    agent.refuses = lambda item: None
    shown = await helio("apply", "-f", str(team), "--yes")
    assert shown.code == 0, shown.err
    assert shown.out.endswith("2 to create.\n")
    assert (await helio("apply", "-f", str(team), "--yes")).out == "Nothing to do.\n"
    await cloud.check()


async def test_an_operation_under_way_is_waited_for(helio: Any, served: Served, team: Path) -> None:
    """As after an interrupted run: the VM is there, its task goes on."""
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    change(
        team,
        "{name: web2, flavor: wee, image: base}",
        "{name: web2, flavor: wee, image: base, power: started, labels: {app: db}}",
    )
    (web2,) = await reading.vms(served.cloud.store, await project_id(served), name="web2")
    (agent,) = served.cloud.agents.values()
    agent.delay_s = 2.0
    await served.cloud.ask(vm.vm_start, web2.id)
    done = await helio("apply", "-f", str(team), "--yes")
    assert done.code == 0, done.err
    (web2,) = await reading.vms(served.cloud.store, await project_id(served), name="web2")
    assert (web2.state, web2.labels["app"]) == ("STARTED", "db")


async def test_what_is_exported_is_what_is_declared(
    helio: Any, served: Served, team: Path, tmp_path: Path
) -> None:
    assert (await helio("apply", "-f", str(team), "--yes")).code == 0
    written = tmp_path / "export.yaml"
    for scope in ((), ("--tenant", "acme"), ("--tenant", "acme", "--project", "web")):
        shown = await helio("export", *scope)
        assert shown.code == 0, shown.err
        written.write_text(shown.out)
        again = await helio("apply", "-f", str(written), "--yes")
        assert (again.code, again.out) == (0, "Nothing to do.\n"), again.out + again.err
    assert "heliostat.io" not in written.read_text()
    web1 = (await _vm(served, "web1")).id
    assert (await helio("vm", "stop", web1)).code == 0
    for each in await reading.disks(served.cloud.store, await project_id(served)):
        assert (await helio("vm", "detach-disk", web1, each.id)).code == 0
    again = await helio("apply", "-f", str(written), "--yes")
    assert again.code == 0, again.err
    assert (await _vm(served, "web1")).state == "STARTED"


async def test_nobody_is_asked_where_nobody_is(helio: Any, served: Served, team: Path) -> None:
    shown = await helio("apply", "-f", str(team))
    assert shown.code == 2
    assert "--yes" in shown.err
    shown = await helio("apply", "-f", str(team), "--set", "other", "--prune")
    assert (shown.code, "web-team" in shown.err) == (2, True)


async def test_a_wrong_file_changes_nothing(helio: Any, served: Served, team: Path) -> None:
    change(team, "power: started", "powr: started")
    revision = await served.cloud.store.revision()
    shown = await helio("apply", "-f", str(team), "--yes")
    assert shown.code == 1
    assert f"{team}:23: a vm has no field 'powr'; did you mean power?" in shown.err
    assert await served.cloud.store.revision() == revision


async def _vm(served: Served, name: str) -> Any:
    (found,) = await reading.vms(served.cloud.store, await project_id(served), name=name)
    return found
