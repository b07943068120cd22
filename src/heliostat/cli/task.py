"""``helio task``: what was asked for, how far it is, and why."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text, watching
from heliostat.cli.carrying import carry_out, follow, show_outcome
from heliostat.cli.explaining import explanation_lines
from heliostat.cli.listing import DEFAULT_LIMIT, TASK_COLUMNS, show_tasks
from heliostat.cli.options import Noun, Verb, pass_session
from heliostat.cli.progress import count
from heliostat.cli.session import Session
from heliostat.client.calls import Snapshot
from heliostat.client.events import Wanted
from heliostat.client.tasks import Action
from heliostat.wire.body import EntityRef
from heliostat.wire.tasks import Task

_ACTIONS: dict[Action, str] = {
    "retry": "Run the step that TASK waits in again, now.",
    "skip": "Skip the step that TASK waits in, where that is allowed.",
    "undo": "Stop TASK and undo what it did.",
}


@click.group("task", cls=Noun)
def task() -> None:
    """Tasks: every operation, its steps, and why it went as it did."""


@task.command("list")
@click.option("--entity", metavar="KIND:ID", help="Only the tasks of this entity.")
@click.option(
    "--state",
    type=click.Choice(["QUEUED", "STARTED", "ERROR", "COMPLETED"], case_sensitive=False),
    help="Only tasks in this state.",
)
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@watching.option
@options.project
@pass_session
def list_tasks(
    session: Session,
    entity: str | None,
    state: str | None,
    limit: int,
    watch: bool,
    project: str | None,
    tenant: str | None,
) -> None:
    """List the newest tasks that you may see, or those of a project."""
    wanted = (state or "").upper()
    if watch:
        _watch(session, wanted, _entity(entity) if entity else None, project, tenant)
    if entity is None and project is not None:
        owner = naming.project_id(session, project, tenant)
        show_tasks(session, session.client.projects.tasks(owner, state=wanted), limit)
        return
    found = session.client.tasks.list(entity=_entity(entity) if entity else None, state=wanted)
    show_tasks(session, found, limit)


def _watch(
    session: Session, state: str, entity: EntityRef | None, project: str | None, tenant: str | None
) -> None:
    """The tasks that are under way, then every change; never returns."""
    owner = naming.project_id(session, project, tenant) if project is not None else ""

    def keep(found: Task) -> bool:
        return state in ("", found.state) and entity in (None, found.entity)

    def read() -> Snapshot[Task]:
        """Finished tasks are history: only those that can still change are listed."""
        found = session.client.tasks.snapshot(project_id=owner, state=state or "STARTED")
        return Snapshot([each for each in found.items if keep(each)], found.revision)

    wanted = Wanted(kinds=("task",), project_id=owner)
    watching.Watch(session, Task, TASK_COLUMNS, wanted, keep).run(read)


@task.command("show")
@click.argument("task")
@pass_session
def show(session: Session, task: str) -> None:
    """Show TASK and its steps."""
    found = session.client.tasks.get(task)
    if session.output.json or session.output.quiet:
        session.output.entity(found)
        return
    for line in _task_lines(found):
        session.output.line(line)


@task.command("explain")
@click.argument("task")
@pass_session
def explain(session: Session, task: str) -> None:
    """Tell what TASK considered, decided and did, and what you can do."""
    found = session.client.tasks.explain(task)
    if session.output.json or session.output.quiet:
        session.output.entity(found)
        return
    for line in explanation_lines(found):
        session.output.line(line)


@task.command("watch")
@click.argument("task")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop watching after this."
)
@pass_session
def watch(session: Session, task: str, timeout: float | None) -> None:
    """Follow TASK to its end; exits with 5 if it fails."""
    session.choices.timeout_s = timeout
    show_outcome(session, follow(session, session.client.tasks.get(task)))


def _action_verb(action: Action, summary: str) -> click.Command:
    @click.command(action, cls=Verb, help=summary)
    @click.argument("task")
    @options.task
    @pass_session
    def act(session: Session, task: str) -> None:
        carry_out(session, session.client.tasks.act(task, action))

    return act


for _action, _summary in _ACTIONS.items():
    task.add_command(_action_verb(_action, _summary))


def _entity(given: str) -> EntityRef:
    kind, colon, entity_id = given.partition(":")
    if not colon or not entity_id:
        raise click.BadParameter(f"{given!r} is not KIND:ID.", param_hint="--entity")
    return EntityRef(kind=kind, id=entity_id)


def _task_lines(task: Task) -> list[str]:
    facts = [
        ("Task", task.id),
        ("Operation", task.operation),
        ("State", task.state),
        ("Entity", f"{task.entity.kind} {task.entity.id}"),
        ("Queued", text.moment(task.queued_time)),
        ("Took", text.took(task.started_time, task.end_time)),
    ]
    if task.stalled is not None:
        facts.append(("Waits", task.stalled.reason))
        facts.append(("You may", ", ".join(task.stalled.actions) or "wait"))
    steps = sorted(task.steps, key=lambda step: step.sequence)
    rows = [
        (
            str(step.sequence),
            step.operation + count(step),
            step.state,
            text.took(step.started_time, step.end_time),
        )
        for step in steps
    ]
    problems = [
        f"{step.operation}: {problem.code}: {problem.message}"
        for step in steps
        for problem in (*step.errors, *step.warnings)
    ]
    table = text.columns([("STEP", "OPERATION", "STATE", "TOOK"), *rows]) if rows else []
    return [
        *text.columns(facts),
        *([""] if table else []),
        *table,
        *([""] if problems else []),
        *problems,
    ]
