"""A plan as lines for people: what would be done, what it would cost, where it would go."""

from __future__ import annotations

from heliostat.cli import text
from heliostat.core.counting import counted
from heliostat.wire.plans import Plan, PlanPlacement, PlanQuota


def plan_lines(plan: Plan) -> list[str]:
    """The plan, most important first; says that nothing was changed."""
    lines = [f"Plan for {plan.operation}; nothing was changed."]
    if plan.items:
        names = ", ".join(each.name for each in plan.items)
        lines.append(f"{counted(len(plan.items), 'item')}: {names}")
    lines += plan.changes
    lines += _steps(plan)
    if plan.quota:
        lines.append("Quota:")
        lines += [f"  {line}" for line in text.columns([_quota(row) for row in plan.quota])]
    if plan.placement is not None:
        lines += _placement(plan.placement)
    lines += [f"Warning: {warning.message}" for warning in plan.warnings]
    if plan.estimate is not None:
        seconds = text.duration(plan.estimate.seconds)
        lines.append(f"Expected to take {seconds}. {plan.estimate.basis}")
    return lines


def _steps(plan: Plan) -> list[str]:
    rows = [
        (f"{step.sequence}.", step.operation, text.duration(step.expected_s))
        if step.expected_s
        else (f"{step.sequence}.", step.operation, "")
        for step in sorted(plan.steps, key=lambda step: step.sequence)
    ]
    return ["Steps:", *(f"  {line}" for line in text.columns(rows))] if rows else []


def _quota(row: PlanQuota) -> tuple[str, str, str, str]:
    after = row.used + row.asked
    limit = "no limit" if row.limit is None else f"limit {text.number(row.limit)} {row.unit}"
    change = f"{row.asked:+g} {row.unit}"
    return (f"{row.owner.kind} {row.key}", change, f"-> {text.number(after)} {row.unit}", limit)


def _placement(placement: PlanPlacement) -> list[str]:
    name = placement.address or placement.host_id
    where = f"host {name}" if placement.host_id else "no host fits"
    lines = [f"Placement: {where} ({placement.considered} considered)", f"  {placement.reason}"]
    ruled_out = sorted(placement.ruled_out.items(), key=lambda item: -item[1])
    return lines + [f"  ruled out {count}: {reason}" for reason, count in ruled_out]
