"""What is read from files, and how mistakes are told: all at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.cli.declaring.declaration import APPLIED_BY, Address, Declaration, declare
from heliostat.cli.declaring.nouns import Noun
from heliostat.cli.declaring.sources import Mistakes, read_files, read_text

TEAM = """\
set: web-team
flavors:
  - name: tiny
    kind: vm
    cost: {vm.cpu: 1, vm.memory: 512 MB}
tenants:
  - name: acme
    quota: {vm.cpu: 10 COUNT, vm.memory: 20 GB}
    projects:
      - name: web
        labels: {tier: front, answer: 42, on: yes}
        disks:
          - {name: data, flavor: persistent, capacityGb: 5}
        vms:
          - name: web1
            flavor: tiny
            image: base
            attach: [data]
            power: Started
---
tenants:
  - name: acme
    projects:
      - name: web
        vms:
          - {name: web2, flavor: tiny, image: base}
"""


def read(text: str) -> Declaration:
    return declare(read_text("team.yaml", text))


def mistakes(text: str) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        read(text)
    return [f"{each['line']}: {each['message']}" for each in caught.value.data["mistakes"]]


def test_things_with_addresses() -> None:
    made = read(TEAM)
    assert made.set_name == "web-team"
    assert [str(address) for address in sorted(made.things)] == [
        "disk acme/web/data",
        "flavor vm/tiny",
        "project acme/web",
        "tenant acme",
        "vm acme/web/web1",
        "vm acme/web/web2",
    ]
    vm = made.things[Address(Noun.VM, ("acme", "web", "web1"))]
    assert vm.place.line == 15
    assert vm.fields["power"] == "started"
    project = made.things[Address(Noun.PROJECT, ("acme", "web"))]
    assert project.fields["labels"] == {"answer": "42", "on": "yes", "tier": "front"}


def test_equal_amounts_are_equal() -> None:
    one = read("tenants: [{name: a, quota: {vm.memory: 1 GB, vm.cpu: 2}}]")
    two = read("tenants: [{name: a, quota: {vm.memory: 1024 MB, vm.cpu: 2 COUNT}}]")
    assert one.things == two.things


def test_a_set_labels_what_it_declares_and_not_what_it_only_names() -> None:
    labelled = read(TEAM).labelled("web-team")
    web1 = labelled.things[Address(Noun.VM, ("acme", "web", "web1"))]
    assert (web1.fields["labels"], web1.adds_labels) == ({APPLIED_BY: "web-team"}, True)
    project = labelled.things[Address(Noun.PROJECT, ("acme", "web"))]
    assert project.fields["labels"]["tier"] == "front"
    assert not project.adds_labels
    named = read("tenants: [{name: acme, projects: [{name: web, quota: {}}]}]").labelled("s")
    assert named.things[Address(Noun.TENANT, ("acme",))].fields == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "tenants:\n  - nmae: acme\n",
            ["2: a tenant has no field 'nmae'; did you mean name?", "2: a tenant needs a name"],
        ),
        ("tenant: []\n", ["1: a document has no field 'tenant'; did you mean tenants?"]),
        ("tenants: {name: acme}\n", ["1: tenants: a list is expected"]),
        ("- a\n", ["1: a document is a mapping with"]),
        ("tenants:\n  - name: a b\n", ["2: name: 'a b' is not a name"]),
        ("tenants:\n  - name: a\n    quota: {vm.cpu: lots}\n", ["3: quota: 'lots' is not a num"]),
        ("tenants:\n  - name: a\n    quota: {m: 1 XB}\n", ["3: quota: 'XB' is none of GB"]),
        ("tenants:\n  - name: a\n  - name: a\n    labels: {b: c}\n    quota: {}\n", []),
        (
            "tenants:\n  - {name: a, quota: {x: 1}}\n  - {name: a, quota: {x: 2}}\n",
            ["3: tenant a is declared twice (first team.yaml:2)"],
        ),
        ("tenants:\n  - name: a\n    name: b\n", ["3: name is written twice (first team.yaml:2)"]),
        ("flavors:\n  - {name: a, kind: vmm, cost: {}}\n", ["2: kind: 'vmm' is none of vm"]),
        ("flavors:\n  - {name: a, kind: vm}\n", ["2: flavor vm/a: cost is missing"]),
        ("a: [\n", ["2: "]),
        ("a: !!python/object:os.system x\n", ["1: the tag"]),
        ("a: &x [*x]\n", ["1: an alias refers to what it is part of"]),
        ("set: [a]\n", ["1: set: a text is expected, not a list"]),
    ],
)
def test_mistakes_name_their_line(text: str, told: list[str]) -> None:
    if not told:
        read(text)
        return
    found = mistakes(text)
    assert len(found) == len(told), found
    for one, start in zip(found, told, strict=True):
        assert one.startswith(start), found


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(
        "tenants:\n  - name: acme\n    quoat: {}\n    projects:\n      - name: 1web\n"
        "        vms: []\n      - name: web\n        vms:\n          - {name: a, flavor: x}\n"
        "          - {name: b, flavor: x, image: y, powr: started, attach: d}\n"
    )
    assert [each.partition(":")[0] for each in found] == ["3", "5", "9", "10", "10"]


def test_a_disk_is_attached_to_one_vm() -> None:
    vms = "".join(
        f"          - {{name: {name}, flavor: f, image: i, attach: [d]}}\n" for name in "ab"
    )
    text = f"tenants:\n  - name: t\n    projects:\n      - name: p\n        vms:\n{vms}"
    assert mistakes(text) == ["7: disk t/p/d is attached to vm t/p/a already (team.yaml:6)"]


def test_an_endless_file_is_refused() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Mistakes, match="more than 100000 values"):
        read_text("bomb.yaml", "\n".join(lines))


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("tenants: [{name: b}]")
    (tmp_path / "a.yml").write_text("tenants: [{name: a}]")
    made = declare(read_files([tmp_path]))
    assert [each.name for each in sorted(made.things)] == ["a", "b"]
    with pytest.raises(Mistakes, match="can't be read"):
        read_files([tmp_path / "none.yaml"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(Mistakes, match="no YAML file"):
        read_files([tmp_path / "empty"])
