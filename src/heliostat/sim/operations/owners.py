"""Operations on tenants, projects, their quotas, and flavors."""

from __future__ import annotations

from heliostat.controller.model.policy import Action, Binding, Delta
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.model.quota import OwnerKind, QuotaLimit
from heliostat.controller.workflows import (
    flavor,
    iam,
    kinds,
    labels,
    project,
    quota,
    quota_lease,
    reading,
    tenant,
)
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.core.roles import Role
from heliostat.core.units import Unit
from heliostat.sim.operations.asking import GONE, Ask, Known, Operation, ask

_WITH_POLICY = (kinds.TENANT, kinds.PROJECT_KIND, kinds.VM, kinds.IMAGE, kinds.DISK)


def _called(kind: str) -> str:
    """What operators call a kind that tasks call ``kind``."""
    return "disk" if kind == kinds.DISK else kind


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
    return ask(tenant.tenant_delete, id_, about=id_, leads_to=GONE)


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
    return ask(project.project_delete, id_, about=id_, leads_to=GONE)


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


async def lend(
    ports: Ports, caller: Caller, kind: OwnerKind, owner_id: str, for_s: int
) -> Admission:
    """Some more VMs for a while."""
    until_ms = ports.clock.now_ms() + for_s * 1000
    more = {"vm": QuotaLimit(limit=5.0, unit=Unit.COUNT)}
    return await quota_lease.lease_grant(ports, caller, kind, owner_id, more, until_ms)


def grant_lease(known: Known) -> Ask:
    return ask(lend, *_owner(known), known.dice.randint(5, 200))


async def _a_lease(ports: Ports, kind: OwnerKind, owner_id: str) -> str:
    held = (await reading.quota(ports.store, kind, owner_id)).value.leases
    return next(iter(held), "none")


async def lend_longer(
    ports: Ports, caller: Caller, kind: OwnerKind, owner_id: str, for_s: int
) -> Admission:
    """The owner's first lease ends at another time."""
    lease_id = await _a_lease(ports, kind, owner_id)
    until_ms = ports.clock.now_ms() + for_s * 1000
    return await quota_lease.lease_extend(ports, caller, kind, owner_id, lease_id, until_ms)


def extend_lease(known: Known) -> Ask:
    return ask(lend_longer, *_owner(known), known.dice.randint(1, 200))


async def take_back(ports: Ports, caller: Caller, kind: OwnerKind, owner_id: str) -> Admission:
    """The owner's first lease ends now."""
    lease_id = await _a_lease(ports, kind, owner_id)
    return await quota_lease.lease_give_back(ports, caller, kind, owner_id, lease_id)


def give_back_lease(known: Known) -> Ask:
    return ask(take_back, *_owner(known))


def set_policy(known: Known) -> Ask:
    kind = known.dice.choice(_WITH_POLICY)
    role = known.dice.choice(list(Role))
    principal = f"user-{known.dice.randint(1, 3)}@sim"
    return ask(
        iam.iam_set, kind, known.any(_called(kind)), (Binding(principal=principal, role=role),)
    )


def modify_policy(known: Known) -> Ask:
    kind = known.dice.choice(_WITH_POLICY)
    delta = Delta(
        action=known.dice.choice(list(Action)),
        principal=f"user-{known.dice.randint(1, 3)}@sim",
        role=known.dice.choice(list(Role)),
    )
    return ask(iam.iam_modify, kind, known.any(_called(kind)), (delta,))


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
    return ask(flavor.flavor_delete, id_, about=id_, leads_to=GONE)


def change_labels(known: Known) -> Ask:
    kind = known.dice.choice((*_WITH_POLICY, kinds.HOST, kinds.FLAVOR))
    value = f"v{known.dice.randint(1, 3)}"
    gone = ("old",) if known.dice.random() < 0.3 else ()
    return ask(labels.labels_change, kind, known.any(_called(kind)), {"tier": value}, gone)


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
    Operation("grant-lease", 1, grant_lease),
    Operation("extend-lease", 0.7, extend_lease),
    Operation("give-back-lease", 0.7, give_back_lease),
    Operation("set-policy", 0.5, set_policy),
    Operation("modify-policy", 0.5, modify_policy),
    Operation("create-flavor", 1, create_flavor),
    Operation("delete-flavor", 1, delete_flavor),
    Operation("change-labels", 2, change_labels),
)
