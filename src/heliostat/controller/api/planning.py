"""An admission that is not committed, as the plan that clients read."""

from __future__ import annotations

from heliostat.controller.api.call import Call
from heliostat.controller.api.presenting import show_problem
from heliostat.controller.workflows.admission import Admission
from heliostat.tasks.durations import load
from heliostat.tasks.plan import Estimate, PlannedPlacement, PlannedQuota, plan
from heliostat.wire import plans as wire
from heliostat.wire.body import EntityRef


async def show_plan(call: Call, admission: Admission) -> wire.Plan:
    """Steps, quota, placement, warnings and estimate of what would be done."""
    task = admission.task
    told = plan(
        task,
        await load(call.store, task.operation),
        quota=[
            PlannedQuota(
                owner_kind=each.owner_kind,
                owner_id=each.owner_id,
                key=each.key,
                unit=each.unit,
                used=each.used,
                asked=each.asked,
                limit=each.limit,
            )
            for each in admission.quota
        ],
        placement=_placement(admission),
        warnings=admission.warnings,
    )
    return wire.Plan(
        operation=told.operation,
        entity=EntityRef(kind=told.entity_kind, id=told.entity_id),
        steps=[
            wire.PlanStep(operation=step.operation, sequence=step.sequence, expected_s=step.seconds)
            for step in told.steps
        ],
        quota=[_show_quota(each) for each in told.quota],
        warnings=[show_problem(each) for each in told.warnings],
        placement=_show_placement(told.placement),
        estimate=_show_estimate(told.estimate),
        items=[
            wire.PlanItem(id=each["id"], name=each["name"])
            for each in task.resource_properties.get("items", ())
        ],
    )


def _placement(admission: Admission) -> PlannedPlacement | None:
    decision = admission.placement
    if decision is None:
        return None
    return PlannedPlacement(
        host_id=decision.host_id or "",
        address=decision.address,
        reason=decision.reason,
        considered=decision.considered,
        ruled_out=decision.ruled_out,
    )


def _show_quota(line: PlannedQuota) -> wire.PlanQuota:
    return wire.PlanQuota(
        owner=EntityRef(kind=line.owner_kind, id=line.owner_id),
        key=line.key,
        unit=line.unit,
        used=line.used,
        asked=line.asked,
        limit=line.limit,
    )


def _show_placement(placement: PlannedPlacement | None) -> wire.PlanPlacement | None:
    if placement is None:
        return None
    return wire.PlanPlacement(
        host_id=placement.host_id,
        address=placement.address,
        reason=placement.reason,
        considered=placement.considered,
        ruled_out=placement.ruled_out,
    )


def _show_estimate(estimate: Estimate | None) -> wire.PlanEstimate | None:
    if estimate is None:
        return None
    return wire.PlanEstimate(
        seconds=estimate.seconds,
        basis=estimate.basis,
        seldom_above_s=estimate.seldom_above_s,
    )
