"""Verbs of policies: set (replace) and modify (add and remove roles).

A policy is part of its entity, so a change of it is a change of one document.
It does not wait for operations on the entity: who may act must be decidable at
any time.  System administrators pass every rule, so nobody can be locked out
for good; taking away the last owner is allowed, and warned of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.controller.model.policy import (
    Binding,
    Delta,
    Policy,
    changed,
    has_owner,
    policy_of,
)
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.requests import completed
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Problem


@dataclass(frozen=True, slots=True)
class _Noun:
    """Where entities with a policy are stored, and how one is read."""

    kind: Kind[Any]
    read: Callable[[CloudStore, str], Awaitable[Stored[Any]]]


_NOUNS: Mapping[str, _Noun] = {
    kinds.TENANT: _Noun(kinds.TENANTS, reading.tenant),
    kinds.PROJECT_KIND: _Noun(kinds.PROJECTS, reading.project),
    kinds.IMAGE: _Noun(kinds.IMAGES, reading.image),
    kinds.VM: _Noun(kinds.VMS, reading.vm),
    kinds.DISK: _Noun(kinds.DISKS, reading.disk),
}


async def iam_policy(store: CloudStore, kind: str, id_: str) -> Policy:
    """The policy of an entity; ``<Noun>NotFound``."""
    stored = await _NOUNS[kind].read(store, id_)
    policy: Policy = stored.value.policy
    return policy


async def iam_set(
    ports: Ports, caller: Caller, kind: str, id_: str, bindings: Iterable[Binding]
) -> Admission:
    """Replace the policy of an entity."""
    asked = policy_of(bindings)
    return await _admit(ports, caller, "SET_IAM_POLICY", kind, id_, lambda _policy: asked)


async def iam_modify(
    ports: Ports, caller: Caller, kind: str, id_: str, deltas: Iterable[Delta]
) -> Admission:
    """Change the policy of an entity, in the order of ``deltas``."""
    asked = tuple(deltas)
    return await _admit(
        ports, caller, "MODIFY_IAM_POLICY", kind, id_, lambda policy: changed(policy, asked)
    )


async def _admit(
    ports: Ports,
    caller: Caller,
    operation: str,
    kind: str,
    id_: str,
    change: Callable[[Policy], Policy],
) -> Admission:
    noun = _NOUNS[kind]
    stored = await noun.read(ports.store, id_)
    before: Policy = stored.value.policy
    after = change(before)
    owner = await reading.owner_of(ports.store, kind, id_)
    warnings = _warnings(kind, before, after)
    task = completed(
        ports,
        caller,
        operation,
        kind,
        id_,
        tenant_id=owner.tenant_id,
        project_id=owner.project_id,
        warnings=warnings,
    )
    return Admission(
        task=task,
        guards=(noun.kind.guard(stored),),
        changes=tuple(noun.kind.put(replace(stored.value, policy=after), stored.value)),
        warnings=warnings,
    )


def _warnings(kind: str, before: Policy, after: Policy) -> tuple[Problem, ...]:
    if not has_owner(before) or has_owner(after):
        return ()
    warning = PermanentError(
        "NoOwnerLeft",
        f"The policy of the {kind} names no owner any more; it can be changed by owners of what "
        "the entity lies in, groups of its tenant, and system administrators.",
    )
    return (Problem.of(warning),)
