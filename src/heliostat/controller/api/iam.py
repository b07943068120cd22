"""Policies, in the shapes of both kinds of existing clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Decides, Handler, Reads
from heliostat.controller.model.names import invalid
from heliostat.controller.model.policy import (
    EVERY_ROLE,
    Binding,
    Delta,
    Policy,
    check_action,
    check_principal,
    check_role,
)
from heliostat.controller.workflows import iam as verbs
from heliostat.controller.workflows import kinds
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.wire import iam as wire


def show_policy(policy: Policy) -> list[wire.RoleBinding]:
    """One object for each principal and role."""
    return [
        wire.RoleBinding(
            principal=each.principal,
            roles=[each.role.value],
            role=each.role.value,
            subjects=[each.principal],
        )
        for each in policy
    ]


def read_bindings(given: Sequence[wire.RoleBindingSpec]) -> Iterator[Binding]:
    """The bindings asked for, in either shape (or both, as they are shown)."""
    for index, each in enumerate(given):
        where = f"[{index}]"
        if bool(each.principal) != bool(each.roles) or bool(each.role) != bool(each.subjects):
            raise invalid(where, "give principal with roles, or role with subjects")
        if not each.principal and not each.role:
            raise invalid(where, "neither a principal with roles nor a role with subjects")
        for role in each.roles or ():
            yield _binding(each.principal, role, f"{where}.principal", f"{where}.roles")
        for subject in each.subjects or ():
            yield _binding(subject, each.role, f"{where}.subjects", f"{where}.role")


def _binding(principal: str, role: str, principal_field: str, role_field: str) -> Binding:
    return Binding(
        principal=check_principal(principal, principal_field), role=check_role(role, role_field)
    )


def read_deltas(given: Sequence[wire.RoleBindingDelta]) -> Iterator[Delta]:
    """The changes asked for, in either shape."""
    for index, each in enumerate(given):
        where = f"[{index}]"
        if each.principal and each.subject and each.principal != each.subject:
            raise invalid(f"{where}.subject", "is another one than principal")
        principal = each.principal or each.subject
        action = check_action(each.action, f"{where}.action")
        yield Delta(
            action=action,
            principal=check_principal(principal, f"{where}.principal"),
            role=None if each.role == EVERY_ROLE else check_role(each.role, f"{where}.role"),
        )


def _handlers(kind: str, title: str) -> dict[str, Handler]:
    async def show(call: Call) -> list[wire.RoleBinding]:
        return show_policy(await verbs.iam_policy(call.store, kind, call.id))

    async def post(call: Call, caller: Caller) -> Admission:
        bindings = read_bindings(call.body or ())
        return await verbs.iam_set(call.ports, caller, kind, call.id, bindings)

    async def patch(call: Call, caller: Caller) -> Admission:
        deltas = read_deltas(call.body or ())
        return await verbs.iam_modify(call.ports, caller, kind, call.id, deltas)

    return {
        f"get{title}Iam": Reads(show),
        f"set{title}Iam": Decides(post),
        f"modify{title}Iam": Decides(patch),
    }


HANDLERS: dict[str, Handler] = {
    **_handlers(kinds.TENANT, "Tenant"),
    **_handlers(kinds.PROJECT_KIND, "Project"),
    **_handlers(kinds.IMAGE, "Image"),
    **_handlers(kinds.VM, "Vm"),
    **_handlers(kinds.DISK, "Disk"),
}
