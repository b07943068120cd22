"""Tasks and their steps as documents, and workflows as data.

A task lives at ``/v1/task/<id>``; while it is not finished the key
``/idx/task/open/<id>`` exists, which is what workers watch.  The worker that
runs a task is named in it; every later commit of that worker is guarded by its
lease (fencing), so a worker that lost its lease can change nothing.

States on the wire are QUEUED, STARTED, ERROR, COMPLETED; a stalled task stays
STARTED and carries ``stalled``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError

SCHEMA_VERSION = 1


class TaskState(StrEnum):
    """State of a task or of a step, as clients know it."""

    QUEUED = "QUEUED"
    STARTED = "STARTED"
    ERROR = "ERROR"
    COMPLETED = "COMPLETED"

    @property
    def is_final(self) -> bool:
        return self in (TaskState.ERROR, TaskState.COMPLETED)


class Undo(StrEnum):
    """How far undoing a step has come."""

    NONE = "NONE"
    STARTED = "STARTED"
    DONE = "DONE"
    FAILED = "FAILED"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error or warning as it is stored in a step and shown to the user."""

    code: str
    message: str
    hint: str = ""
    data: dict[str, Any] = {}

    @classmethod
    def of(cls, error: HeliostatError) -> Problem:
        return cls(code=error.code, message=error.message, hint=error.hint, data=error.data)


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a decision came out as it did: one sentence with numbers, and the numbers."""

    at_ms: int
    decision: str
    reason: str
    data: dict[str, Any] = {}


class Stall(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task makes no progress, since when, and which actions its user may take."""

    since_ms: int
    reason: str
    actions: tuple[str, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a step's things are done."""

    done: int
    total: int


class Step(msgspec.Struct, kw_only=True):
    """One persisted step; ``result`` is what ``run`` returned, for later steps and undo.

    ``skippable`` and ``undoable`` are copied from the definition at admission, so
    that which actions a task allows can be told from the document alone.
    """

    operation: str
    sequence: int
    state: TaskState = TaskState.QUEUED
    queued_ms: int = 0
    started_ms: int = 0
    end_ms: int = 0
    attempt: int = 0
    not_before_ms: int = 0
    skippable: bool = False
    undoable: bool = False
    undo: Undo = Undo.NONE
    undo_attempt: int = 0
    errors: list[Problem] = []
    warnings: list[Problem] = []
    options: dict[str, str] = {}
    explanations: list[Explanation] = []
    result: dict[str, Any] = {}
    progress: Progress | None = None


class Task(msgspec.Struct, kw_only=True):
    """A durable task.

    ``scope`` holds the ids of the tenant and project it belongs to (for
    authorisation and listing), ``input`` what the workflow needs to run.
    ``undoing`` is set once a step failed for good.
    """

    id: str
    operation: str
    entity_kind: str
    entity_id: str
    state: TaskState = TaskState.QUEUED
    queued_ms: int = 0
    started_ms: int = 0
    end_ms: int = 0
    steps: list[Step] = []
    input: dict[str, Any] = {}
    resource_properties: dict[str, Any] = {}
    tenant_id: str = ""
    project_id: str = ""
    requested_by: str = ""
    request_id: str = ""
    worker: str = ""
    undoing: bool = False
    stalled: Stall | None = None
    schema: int = SCHEMA_VERSION


def task_key(task_id: str) -> str:
    return f"/v1/task/{task_id}"


def open_key(task_id: str) -> str:
    """Exists while the task is not finished."""
    return f"/idx/task/open/{task_id}"


@dataclass(frozen=True, slots=True)
class Done:
    """What a step (or its undo) achieved.

    ``changes`` are committed together with the step's new state under ``guards``
    and the worker's lease; if a guard fails the step is run again from its start.
    """

    changes: Sequence[Change] = ()
    guards: Sequence[Guard] = ()
    result: dict[str, Any] = field(default_factory=dict)
    resource_properties: dict[str, Any] | None = None
    warnings: Sequence[Problem] = ()


class StepContext(Protocol):
    """What the engine gives to a running step; ``ports`` is what the workflows' owner passed in."""

    store: CloudStore
    clock: Clock
    ports: Any
    task: Task
    step: Step

    def waiting_for(
        self, reason: str, *, blocked: bool = False, expected_s: float | None = None
    ) -> None:
        """Say what the step waits for; shown when the step stalls.

        ``blocked``: nothing goes on until somebody else acts, so the task is shown
        as stalled within a moment.  ``expected_s`` replaces the definition's.
        """

    def progressed(self, done: int, total: int) -> None:
        """Say how many of the step's things are done; shown while the step runs, and after."""

    def explain(self, decision: str, reason: str, **data: Any) -> None:
        """Keep why something was decided; persisted with the step."""

    def result_of(self, operation: str) -> dict[str, Any]:
        """What an earlier step of this task returned (empty if it has not ended)."""

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        """An intermediate commit under the worker's lease; raises ``GuardFailed``."""


StepFunction = Callable[[StepContext], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """How one step is run and undone.

    ``run`` must be idempotent: after a crash it is run again from its start.
    ``undo`` is called for every step that was started, also when it did not end.
    A step that lasts longer than ``expected_s`` is stalled, unless it says otherwise
    (``StepContext.waiting_for``); ``attempts`` bounds
    the tries after ``TemporaryError``; ``skippable`` offers the skip action.
    """

    operation: str
    run: StepFunction
    undo: StepFunction | None = None
    expected_s: float = 30.0
    attempts: int = 8
    skippable: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """The steps of an operation; ``stuck`` commits what remains when an undo can't finish."""

    operation: str
    steps: tuple[StepDefinition, ...]
    stuck: StepFunction | None = None
