"""The end of a task whose undo can't finish.

``Workflow.stuck`` says what remains (the entity in ERROR, holding only what
still exists); its changes and the task's end are one commit.  If even that
can't be written the task still ends, and says so: a task that never ended would
hold its entity for good.
"""

from __future__ import annotations

import logging

from heliostat.cloudstore.contract import Compacted, GuardFailed, LeaseLost
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.tasks.context import RunningStep
from heliostat.tasks.journal import Journal, TaskTaken
from heliostat.tasks.model import Done, Problem, TaskState, Workflow
from heliostat.tasks.progress import during_undo, explain, finish
from heliostat.tasks.retry import backoff_s

log = logging.getLogger(__name__)

STUCK_TRIES = 8


async def become_stuck(
    journal: Journal, workflow: Workflow, context: RunningStep, clock: Clock, index: int
) -> None:
    """Commit what remains and end the task in ERROR."""
    for attempt in range(1, STUCK_TRIES + 1):
        try:
            done = await workflow.stuck(context) if workflow.stuck is not None else Done()
            await _end(journal, context, clock, index, done)
            return
        except TaskTaken:
            raise
        except LeaseLost as error:
            if error.lease == journal.lease:
                raise
            break
        except (GuardFailed, Compacted, TemporaryError) as error:
            log.info("task %s: try %d to say what remains: %s", journal.task.id, attempt, error)
            await clock.sleep(backoff_s(f"{journal.task.id}/stuck", attempt, 1.0))
        except Exception:
            log.exception("task %s: what remains can't be told", journal.task.id)
            break
    await _end_unrecorded(journal, clock, index)


async def _end(
    journal: Journal, context: RunningStep, clock: Clock, index: int, done: Done
) -> None:
    draft = journal.draft()
    step = draft.steps[index]
    explain(step, context.explanations)
    step.warnings = [*step.warnings, *done.warnings]
    finish(draft, TaskState.ERROR, clock.now_ms())
    await journal.save(draft, guards=done.guards, changes=done.changes)


async def _end_unrecorded(journal: Journal, clock: Clock, index: int) -> None:
    draft = journal.draft()
    step = draft.steps[index]
    message = f"What remains of {draft.entity_kind} {draft.entity_id} could not be recorded."
    problem = Problem.of(HeliostatError("InternalError", message, data={"taskId": draft.id}))
    step.errors = [*step.errors, during_undo(problem)]
    finish(draft, TaskState.ERROR, clock.now_ms())
    await journal.save(draft)
