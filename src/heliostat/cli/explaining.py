"""An explanation of a task as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliostat.cli import text
from heliostat.wire.tasks import DecisionNote, StepExplanation, TaskExplanation


def explanation_lines(told: TaskExplanation) -> list[str]:
    """Summary first, then step by step, then what to do next."""
    lines = [
        f"{told.operation} of {told.entity.kind} {told.entity.id}: {told.state}",
        told.summary,
        f"Asked for by {told.requested_by or '-'} (request {told.request_id or '-'})",
    ]
    if told.stalled is not None:
        lines.append(f"Waits since {text.moment(told.stalled.since)}: {told.stalled.reason}")
    for step in sorted(told.steps, key=lambda step: step.sequence):
        lines += ["", *_step(step)]
    if told.next_actions:
        lines += ["", "Next:", *(f"  {action}" for action in told.next_actions)]
    return lines


def _step(step: StepExplanation) -> list[str]:
    undo = "" if step.undo in ("", "NONE") else f", undo {step.undo.lower()}"
    tries = f", {step.attempts} attempts" if step.attempts > 1 else ""
    lines = [f"{step.sequence}. {step.operation}: {step.state.lower()}{tries}{undo}"]
    if step.summary:
        lines.append(f"   {step.summary}")
    for note in step.decisions:
        lines += [f"   {line}" for line in _decision(note)]
    lines += [f"   Error {problem.code}: {problem.message}" for problem in step.errors]
    lines += [f"   Warning {problem.code}: {problem.message}" for problem in step.warnings]
    return lines


def _decision(note: DecisionNote) -> list[str]:
    lines = [f"{note.decision}: {note.reason}"]
    for key, value in note.data.items():
        if isinstance(value, Mapping) and value:
            lines.append(f"  {key}:")
            lines += [f"    {line}" for line in text.columns(_counted(value))]
    return lines


def _counted(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Largest number first, as people read reasons."""
    ordered = sorted(
        counts.items(), key=lambda item: -item[1] if isinstance(item[1], int | float) else 0
    )
    return [(text.cell(value), str(key)) for key, value in ordered]
