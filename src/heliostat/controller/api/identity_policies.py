"""The rules of a directory's tenant."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.directory_ports import PolicyRecord
from heliostat.controller.api.handler import Applies, Handler, Reads
from heliostat.wire import identity_policies as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "identity-policy"


def show_policy(call: Call, policy: PolicyRecord) -> wire.IdentityPolicy:
    """A policy; its tenant's domain is its id."""
    return wire.IdentityPolicy(
        id=policy.domain,
        kind=KIND,
        domain=policy.domain,
        generation=policy.generation,
        changed_time=policy.changed_ms,
        self_link=call.base + wire.PATH.replace(f"{{{TENANT}}}", policy.domain),
        settings=[
            wire.IdentityPolicySetting(
                path=each.path,
                value=each.value,
                default=each.default,
                own=each.own,
                about=each.about,
            )
            for each in policy.settings
        ],
        changes=list(policy.changes),
    )


async def _show(call: Call) -> wire.IdentityPolicy:
    policies = call.services.directories.policies
    return show_policy(call, await policies.get_policy(call.params[TENANT]))


async def _change(call: Call, plan: bool) -> wire.IdentityPolicy:
    body: wire.IdentityPolicyChange = call.body
    changed = await call.services.directories.policies.change_policy(
        call.params[TENANT],
        body.set or {},
        body.unset or (),
        generation=call.query.get("generation"),
        plan=plan,
    )
    return show_policy(call, changed)


async def _reset(call: Call, plan: bool) -> wire.IdentityPolicy:
    reset = await call.services.directories.policies.reset_policy(
        call.params[TENANT], generation=call.query.get("generation"), plan=plan
    )
    return show_policy(call, reset)


def _told(policy: wire.IdentityPolicy) -> list[str]:
    return policy.changes


HANDLERS: dict[str, Handler] = {
    "getIdentityPolicy": Reads(_show),
    "changeIdentityPolicy": Applies(_change, KIND, again=_show, told=_told),
    "resetIdentityPolicy": Applies(_reset, KIND, again=_show, told=_told),
}
