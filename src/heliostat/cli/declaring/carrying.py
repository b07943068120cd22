"""Carrying out actions: many at once, each noun's before the next one's.

What fails is told and what depends on it is left out; everything else goes on,
so that a second run finds as little to do as possible.  A thing under somebody
else's task is waited for, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from heliostat.cli.carrying import Startable
from heliostat.cli.declaring.declaration import Address
from heliostat.cli.declaring.difference import Action, Verb
from heliostat.cli.declaring.makers import Makers, Steps
from heliostat.cli.declaring.nouns import Noun
from heliostat.cli.declaring.present import Platform
from heliostat.client.tasks import Tasks
from heliostat.client.uploads import Upload
from heliostat.core.errors import HeliostatError
from heliostat.wire.tasks import Task

AT_ONCE = 16
"""Things that are under way at the same time."""

Wait = Callable[[Task], Task]


@dataclass(frozen=True, slots=True)
class Result:
    """How an action ended: ``error`` is missing where it came true."""

    action: Action
    error: HeliostatError | None = None
    skipped: str = ""

    @property
    def is_done(self) -> bool:
        return self.error is None and not self.skipped


@dataclass
class _Running:
    """An action under way, and the task that it waits for."""

    action: Action
    steps: Steps
    task: Task


@dataclass
class Carrier:
    """One run; ``tell`` hears of every result as it comes, ``sent`` of uploads."""

    platform: Platform
    makers: Makers
    tasks: Tasks
    wait: Wait
    tell: Callable[[Result], None] = lambda _result: None
    sent: Callable[[int, int], None] = lambda _sent, _size: None
    results: list[Result] = field(default_factory=list)
    _failed: set[Address] = field(default_factory=set)
    _waited: set[Address] = field(default_factory=set)

    def carry_out(self, actions: Iterable[Action]) -> list[Result]:
        """All of them, in their order."""
        for _, group in groupby(actions, key=_phase):
            self._together([each for each in group if not each.does_nothing])
            self.platform.forget()
        return self.results

    def _together(self, actions: list[Action]) -> None:
        waiting, running = list(actions), list[_Running]()
        while waiting or running:
            self._begin_some(waiting, running)
            if running:
                following = self._go_on(running.pop(0))
                if following is not None:
                    running.append(following)

    def _begin_some(self, waiting: list[Action], running: list[_Running]) -> None:
        """As many as may be under way, but none before those that it goes by."""
        for action in tuple(waiting):
            busy = {each.address for each in waiting} | {each.action.address for each in running}
            if len(running) >= AT_ONCE:
                return
            if self.makers.earlier(action) & busy:
                continue
            waiting.remove(action)
            begun = self._begin(action)
            if begun is not None:
                running.append(begun)

    def _begin(self, action: Action) -> _Running | None:
        if reason := self._why_not(action):
            self._end(Result(action, skipped=reason))
            return None
        return self._advance(action, self.makers.steps(action), None)

    def _go_on(self, current: _Running) -> _Running | None:
        try:
            done = self.wait(current.task)
        except HeliostatError as error:
            self._end(Result(current.action, error))
            return None
        return self._advance(current.action, current.steps, done)

    def _advance(self, action: Action, steps: Steps, done: Task | None) -> _Running | None:
        """Ask for the next step; ``None`` once the action has ended."""
        try:
            asked = next(steps) if done is None else steps.send(done)
            return _Running(action, steps, self._submit(asked))
        except StopIteration:
            self._end(Result(action))
        except HeliostatError as error:
            task_id = error.data.get("taskId") if error.code == "ConcurrentTask" else None
            if isinstance(task_id, str) and action.address not in self._waited:
                return self._after(task_id, action)
            self._end(Result(action, error))
        return None

    def _submit(self, asked: Startable) -> Task:
        if isinstance(asked, Upload):
            asked = replace(asked, progress=self.sent)
        return asked.submit()

    def _after(self, task_id: str, action: Action) -> _Running | None:
        """Wait for somebody else's task, then look anew at what there is to do."""
        self._waited.add(action.address)
        try:
            self._sit_out(task_id)
            self.platform.forget()
            steps = self.makers.steps_now(action)
        except HeliostatError as error:
            self._end(Result(action, error))
            return None
        return self._advance(action, steps, None)

    def _sit_out(self, task_id: str) -> None:
        """Whether the other task succeeds is not ours to judge."""
        try:
            self.wait(self.tasks.get(task_id))
        except HeliostatError as error:
            if error.code in ("TimedOut", "Unreachable"):
                raise

    def _why_not(self, action: Action) -> str:
        for needed in _needs(action):
            if needed in self._failed:
                return f"{needed} could not be made"
        return ""

    def _end(self, result: Result) -> None:
        if not result.is_done:
            self._failed.add(result.action.address)
        self.results.append(result)
        self.tell(result)


def _phase(action: Action) -> tuple[bool, int]:
    """Actions of one phase depend on each other only in what ``Makers.earlier`` tells."""
    return action.verb is Verb.DELETE, action.address.noun.rank


def _needs(action: Action) -> set[Address]:
    """What must have come true for the action to make sense."""
    if action.verb is Verb.DELETE or action.declared is None:
        return set()
    needed: set[Address] = set()
    container = action.address.container
    while container is not None:
        needed.add(container)
        container = container.container
    fields: Any = action.declared.fields
    if action.address.noun is Noun.VM:
        project = action.address.names[:-1]
        needed |= {Address(Noun.DISK, (*project, each)) for each in fields.get("attach", ())}
        image = fields.get("image", "")
        needed |= {Address(Noun.IMAGE, (image,)), Address(Noun.IMAGE, (*project, image))}
        needed.add(Address(Noun.FLAVOR, ("vm", fields.get("flavor", ""))))
    elif action.address.noun is Noun.DISK:
        needed.add(Address(Noun.FLAVOR, ("persistent-disk", fields.get("flavor", ""))))
    return needed
