"""Carrying out a change: plan it, or submit it, follow its task and tell the outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from heliostat.cli.failures import Interrupted
from heliostat.cli.planning import plan_lines
from heliostat.cli.progress import Progress
from heliostat.cli.session import Session
from heliostat.client.calls import Change
from heliostat.client.uploads import Upload
from heliostat.client.waiting import Patience, is_final
from heliostat.wire.plans import Plan
from heliostat.wire.tasks import Task

E = TypeVar("E", bound=msgspec.Struct)


class Startable(Protocol):
    """A change or an upload that starts a task."""

    def submit(self) -> Task: ...

    def plan(self) -> Plan: ...


def carry_out(session: Session, change: Startable) -> Task | None:
    """Plan or do it; returns the task, completed unless ``--no-wait``; ``None`` for a plan."""
    if session.choices.plan:
        show_plan(session, change.plan())
        return None
    task = change.submit()
    if not session.choices.no_wait or task.state == "ERROR":
        task = follow(session, task)
    show_outcome(session, task)
    return task


def send_file(session: Session, upload: Upload) -> None:
    """Plan or do an upload, with progress on the way and over its task."""
    if session.choices.plan:
        show_plan(session, upload.plan())
        return
    with Progress(session.choices) as progress:
        task = dataclasses.replace(upload, progress=progress.upload).submit()
    show_outcome(session, task if session.choices.no_wait else follow(session, task))


def make(session: Session, change: Change[E], done: Callable[[E], str]) -> E | None:
    """Plan or do a change that answers an entity at once; ``done`` tells people about it."""
    if session.choices.plan:
        show_plan(session, change.plan())
        return None
    made = change.submit()
    if session.output.json or session.output.quiet:
        session.output.entity(made)
    else:
        session.output.line(done(made))
    return made


def end(session: Session, change: Change[None], entity_id: str, done: str) -> None:
    """Plan or do a change that answers nothing; ``done`` is what people are told."""
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    change.submit()
    if session.output.quiet:
        session.output.line(entity_id)
    elif session.output.json:
        session.output.value({"id": entity_id})
    else:
        session.output.line(done)


def follow(session: Session, task: Task) -> Task:
    """Wait with progress; Ctrl-C leaves the task running and says how to go on."""
    patience = Patience(timeout_s=session.choices.timeout_s)
    if is_final(task):
        return session.client.tasks.wait(task, patience=patience)
    try:
        with Progress(session.choices) as progress:
            return session.client.tasks.wait(task, watcher=progress.task, patience=patience)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"Stopped waiting; {task.operation} (task {task.id}) goes on.",
            f"`helio task watch {task.id}` follows it, `helio task undo {task.id}` takes it back.",
        ) from error


def show_outcome(session: Session, task: Task) -> None:
    """What became of a task: its entity's id, the task as JSON, or a sentence."""
    output = session.output
    for step in task.steps:
        for warning in step.warnings:
            output.note(f"Warning: {warning.message}")
    if output.quiet:
        output.line(task.entity.id)
    elif output.json:
        output.value(task)
    elif task.state == "COMPLETED":
        output.line(f"{task.operation} completed: {task.entity.kind} {task.entity.id}")
    else:
        output.line(f"{task.operation} {task.state.lower()}: {task.entity.kind} {task.entity.id}")
        output.note(f"`helio task watch {task.id}` follows it.")


def show_plan(session: Session, plan: Plan) -> None:
    if session.output.json:
        session.output.value(plan)
        return
    for line in plan_lines(plan):
        session.output.line(line)
