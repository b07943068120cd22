"""Operations on tenants, projects, their quotas, and flavors."""

from __future__ import annotations

from heliostat.controller.model.quantity import CostItem
from heliostat.controller.model.quota import OwnerKind, QuotaLimit
from heliostat.controller.workflows import flavor, labels, project, quota, tenant
from heliostat.core.units import Unit
from heliostat.sim.operations.asking import Ask, Known, Operation, ask


def limits(known: Known, *, most_vms: int) -> dict[str, QuotaLimit]:
    """Limits of some keys; others stay tracked only."""
    dice = known.dice
    found = {"vm": QuotaLimit(limit=float(dice.randint(most_vms // 2, most_vms)), unit=Unit.COUNT)}
    if dice.random() < 0.5:
        found["vm.memory"] = QuotaLimit(limit=float(dice.randint(8, 64)), unit=Unit.GB)
    if dice.random() < 0.5:
        found["persistent-disk.capacity"] = QuotaLimit(
            limit=float(dice.randint(10, 60)), unit=Unit.GB
        )
    return found


def create_tenant(known: Known) -> Ask:
    given = limits(known, most_vms=80) if known.dice.random() < 0.6 else None
    return ask(tenant.tenant_create, known.name("tenant"), (), given, makes="tenant")


def delete_tenant(known: Known) -> Ask:
    id_ = known.any("tenant")
    return ask(tenant.tenant_delete, id_, about=id_)


def set_tenant_groups(known: Known) -> Ask:
    groups = [f"SIM\\group-{known.dice.randint(1, 3)}"]
    return ask(tenant.tenant_set_security_groups, known.any("tenant"), groups)


def create_project(known: Known) -> Ask:
    dice = known.dice
    percent = float(dice.randint(5, 40)) if dice.random() < 0.4 else None
    given = None if percent is not None or dice.random() < 0.3 else limits(known, most_vms=20)
    return ask(
        project.project_create,
        known.any("tenant"),
        known.name("project"),
        (),
        given,
        makes="project",
        percent=percent,
    )


def delete_project(known: Known) -> Ask:
    id_ = known.any("project")
    return ask(project.project_delete, id_, about=id_)


def set_project_groups(known: Known) -> Ask:
    groups = [f"SIM\\group-{known.dice.randint(1, 4)}"]
    return ask(project.project_set_security_groups, known.any("project"), groups)


def _owner(known: Known) -> tuple[OwnerKind, str]:
    if known.dice.random() < 0.4:
        return OwnerKind.TENANT, known.any("tenant")
    return OwnerKind.PROJECT, known.any("project")


def set_quota(known: Known) -> Ask:
    return ask(quota.quota_set, *_owner(known), limits(known, most_vms=40))


def update_quota(known: Known) -> Ask:
    return ask(quota.quota_update, *_owner(known), limits(known, most_vms=60))


def exclude_quota(known: Known) -> Ask:
    key = known.dice.choice(("vm", "vm.memory", "persistent-disk.capacity"))
    return ask(quota.quota_exclude, *_owner(known), [key])


def create_flavor(known: Known) -> Ask:
    name = known.name("flavor")
    cost = (
        CostItem(key="vm", value=1.0, unit=Unit.COUNT),
        CostItem(key="vm.cpu", value=1.0, unit=Unit.COUNT),
        CostItem(key="vm.memory", value=1.0, unit=Unit.GB),
    )
    return ask(flavor.flavor_create, name, "vm", cost, makes="flavor")


def delete_flavor(known: Known) -> Ask:
    id_ = known.any("flavor")
    return ask(flavor.flavor_delete, id_, about=id_)


def change_labels(known: Known) -> Ask:
    kind = known.dice.choice(("tenant", "project", "vm", "image", "host", "flavor"))
    value = f"v{known.dice.randint(1, 3)}"
    gone = ("old",) if known.dice.random() < 0.3 else ()
    return ask(labels.labels_change, kind, known.any(kind), {"tier": value}, gone)


OPERATIONS = (
    Operation("create-tenant", 1, create_tenant),
    Operation("delete-tenant", 1, delete_tenant),
    Operation("set-tenant-groups", 1, set_tenant_groups),
    Operation("create-project", 2, create_project),
    Operation("delete-project", 1, delete_project),
    Operation("set-project-groups", 1, set_project_groups),
    Operation("set-quota", 1, set_quota),
    Operation("update-quota", 2, update_quota),
    Operation("exclude-quota", 1, exclude_quota),
    Operation("create-flavor", 1, create_flavor),
    Operation("delete-flavor", 1, delete_flavor),
    Operation("change-labels", 2, change_labels),
)
