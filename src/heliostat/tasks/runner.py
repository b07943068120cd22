"""Runs one task from where its document stands to its end.

The loop: decide the next move from the document, do it, write the outcome into
a draft, commit the draft.  The commit that ends one step begins the next, so a
task of n steps costs n + 1 commits.  An outcome is one of: done (the step's
changes go into the same commit), a lost compare-and-set (run it again), a
temporary error (back off), any other error (undo everything), or an action.

A runner lives while its worker has both the lease and the task; it leaves with
``LeaseLost`` or ``TaskTaken`` when it has not, and with ``CancelledError`` at
shutdown, in each case leaving the task for somebody to take over.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from heliostat.cloudstore.contract import (
    Change,
    Compacted,
    Delete,
    Guard,
    GuardFailed,
    LeaseLost,
)
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.tasks import outcome
from heliostat.tasks.actions import Asked, overtaken
from heliostat.tasks.attend import Inbox, attend, listen
from heliostat.tasks.bench import Bench
from heliostat.tasks.context import RunningStep
from heliostat.tasks.journal import Journal, TaskTaken
from heliostat.tasks.model import Done, Problem, Task, Workflow
from heliostat.tasks.outcome import Try, definition_of, label
from heliostat.tasks.patience import Patience
from heliostat.tasks.progress import BecomeStuck, RunStep, UndoStep, enter, explain, next_move
from heliostat.tasks.retry import CONFLICTS_ALLOWED, LONGEST_BACKOFF_S, conflict_pause_s
from heliostat.tasks.slots import Slot
from heliostat.tasks.stuck import become_stuck

log = logging.getLogger(__name__)


class Runner:
    """One task in the hands of this worker; ``inbox`` takes the actions asked of it."""

    def __init__(self, bench: Bench, journal: Journal, workflow: Workflow, slot: Slot) -> None:
        self.inbox = Inbox()
        self._bench = bench
        self._clock = bench.clock
        self._journal = journal
        self._workflow = workflow
        self._slot = slot
        self._conflicts = 0

    async def run(self) -> None:
        """Return when the task has ended."""
        while not self._journal.task.state.is_final:
            move = next_move(self._journal.task)
            match move:
                case RunStep() | UndoStep():
                    await self._advance(move)
                case BecomeStuck(index):
                    context = self._context(index)
                    await become_stuck(self._journal, self._workflow, context, self._clock, index)
                case _:
                    await self._save(self._journal.draft())
        self._bench.ended(self._journal.task)

    async def _advance(self, move: Try) -> None:
        """One try of one step, from its back-off to its committed outcome."""
        context: RunningStep | None = None
        try:
            result: Done | Asked | None = await self._wait_for_turn(move.index)
            if result is None:
                context = self._context(move.index)
                result = await self._try(move, context)
            if isinstance(result, Asked):
                await self._obey(result)
            else:
                await self._achieved(move, context, result)
        except TaskTaken:
            raise
        except LeaseLost as error:
            if error.lease == self._journal.lease:
                raise
            await self._failed(move, context, Problem.of(error))
        except (GuardFailed, Compacted) as error:
            await self._collided(move, context, error)
        except TemporaryError as error:
            await self._delayed(move, context, error)
        except HeliostatError as error:
            # What was too large to store is not stored with the problem either.
            kept = None if error.code == "RequestTooLarge" else context
            await self._failed(move, kept, Problem.of(error))
        except Exception as error:
            task = self._journal.task
            log.exception("task %s: %s", task.id, label(task, move))
            await self._failed(move, context, outcome.defect(task, move, error))

    async def _wait_for_turn(self, index: int) -> Asked | None:
        """Sit out a back-off without holding a slot; then the task is no longer stalled."""
        task = self._journal.task
        if self.inbox.pending is not None:
            # Already there: obey before the step begins, not after it has done its work.
            asked = await listen(self._hear, self._clock, 0)
            if asked is not None:
                return asked
        wait_s = (task.steps[index].not_before_ms - self._clock.now_ms()) / 1000
        if wait_s > 0:
            self._slot.lend()
            # Bounded, so that a clock set back can't put a task to sleep for good.
            asked = await listen(self._hear, self._clock, min(wait_s, 2 * LONGEST_BACKOFF_S))
            self._slot.take_back()
            if asked is not None:
                return asked
        if task.stalled is not None or task.steps[index].not_before_ms:
            draft = self._journal.draft()
            draft.stalled = None
            draft.steps[index].not_before_ms = 0
            await self._save(draft)
        return None

    async def _try(self, move: Try, context: RunningStep) -> Done | Asked:
        definition = definition_of(self._workflow, context.step)
        function = definition.run if isinstance(move, RunStep) else definition.undo
        if function is None:
            return Done()
        patience = Patience(self._journal, self._clock, self._slot, context)
        try:
            watch = patience.watch(definition.expected_s)
            return await attend(function(context), self._hear, watch)
        finally:
            await patience.end()

    async def _hear(self) -> Asked:
        """The next action that is still worth obeying; others are cleared away."""
        while True:
            asked = await self.inbox.wait()
            late = overtaken(self._journal.task, asked.request)
            if late is None:
                return asked
            log.info("%s", late)
            self.inbox.drop(asked)
            with contextlib.suppress(GuardFailed, TemporaryError):
                await self._bench.store.commit([asked.guard()], [Delete(asked.guard().key)])

    async def _achieved(self, move: Try, context: RunningStep | None, done: Done) -> None:
        draft = self._draft(move, context)
        outcome.achieved(draft, move, done, self._clock.now_ms())
        await self._save(draft, done.guards, done.changes)
        self._conflicts = 0
        if isinstance(move, RunStep):
            self._bench.completed(draft.operation, draft.steps[move.index])

    async def _collided(
        self, move: Try, context: RunningStep | None, error: HeliostatError
    ) -> None:
        """Somebody else changed the data first: the step is run again, within bounds."""
        self._conflicts += 1
        if self._conflicts > CONFLICTS_ALLOWED:
            await self._failed(move, context, Problem.of(error))
            return
        task = self._journal.task
        seed = f"{task.id}/{label(task, move)}"
        await self._clock.sleep(conflict_pause_s(seed, self._conflicts))

    async def _delayed(self, move: Try, context: RunningStep | None, error: TemporaryError) -> None:
        draft = self._draft(move, context)
        attempts = definition_of(self._workflow, draft.steps[move.index]).attempts
        outcome.delayed(draft, move, error, attempts, self._clock.now_ms())
        await self._save(draft)

    async def _failed(self, move: Try, context: RunningStep | None, problem: Problem) -> None:
        self._conflicts = 0
        draft = self._draft(move, context)
        log.info("%s: %s: %s", label(draft, move), problem.code, problem.message)
        outcome.failed(draft, move, problem, self._clock.now_ms())
        await self._save(draft)

    async def _obey(self, asked: Asked) -> None:
        """Do what a user asked, in the commit that removes the request."""
        self.inbox.drop(asked)
        self._conflicts = 0
        draft = self._journal.draft()
        outcome.obeyed(draft, asked, self._clock.now_ms())
        try:
            await self._save(draft, [asked.guard()], [Delete(asked.guard().key)])
        except GuardFailed:
            log.info("%s was asked anew", asked.request.action)

    def _draft(self, move: Try, context: RunningStep | None) -> Task:
        """A draft that keeps what the try explained, and how far it came."""
        draft = self._journal.draft()
        if context is not None:
            explain(draft.steps[move.index], context.explanations)
            draft.steps[move.index].progress = context.progress
        return draft

    async def _save(
        self, draft: Task, guards: Sequence[Guard] = (), changes: Sequence[Change] = ()
    ) -> None:
        enter(draft, self._clock.now_ms())
        await self._journal.save(draft, guards=guards, changes=changes)

    def _context(self, index: int) -> RunningStep:
        bench = self._bench
        return RunningStep(bench.store, bench.clock, bench.ports, self._journal, index)
