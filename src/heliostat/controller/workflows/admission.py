"""What a verb decides before anything is written.

Every mutating verb is ``async (ports, caller, …) -> Admission``: it reads,
validates and decides, and writes nothing.  The API then commits the admission
(entity, quota, task and idempotency record in one commit, see
:func:`heliostat.controller.workflows.commit.perform`) or answers the plan made
of the same object, so every mutating route can be planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.content.blobs import Blobs
from heliostat.controller.scheduler.placement import Decision
from heliostat.controller.workflows.agents_port import AgentsPort, NoAgents
from heliostat.controller.workflows.crowds import Crowds
from heliostat.controller.workflows.fleet_feed import FleetFeed
from heliostat.controller.workflows.image_files import ImageFiles
from heliostat.controller.workflows.settings import WorkflowSettings
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.model import Problem, Task


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: subject (``user@domain``), groups (``DOMAIN\\name``) and the request's id.

    ``planning`` asks the verb to look at placement too, which a plan shows and an
    admission leaves to the task.
    """

    subject: str
    groups: frozenset[str]
    is_system_admin: bool
    request_id: str
    planning: bool = False


@dataclass(slots=True, eq=False)
class Ports:
    """The seams that verbs and steps reach the world through.

    ``settings`` is replaced while the process runs (see ``properties``): read it when
    it is needed.
    """

    store: CloudStore
    clock: Clock
    ids: Ids
    blobs: Blobs
    images: ImageFiles
    settings: WorkflowSettings = field(default_factory=WorkflowSettings)
    agents: AgentsPort = field(default_factory=NoAgents, compare=False)
    crowds: Crowds = field(default_factory=Crowds, compare=False)
    """Who wants to change the same documents: see ``commit.perform``."""

    fleet: FleetFeed = field(init=False, compare=False)
    """What placement decides on, kept up to date from the first placement on."""

    settings_at_start: WorkflowSettings = field(init=False)
    """What the settings file says."""

    def __post_init__(self) -> None:
        self.settings_at_start = self.settings
        self.fleet = FleetFeed(self.store, self.settings.scheduler)

    def use(self, settings: WorkflowSettings) -> None:
        """Go by other settings from now on; a fleet's columns are made for theirs."""
        if settings.scheduler != self.settings.scheduler:
            self.fleet.close()
            self.fleet = FleetFeed(self.store, settings.scheduler)
        self.settings = settings


@dataclass(frozen=True, slots=True)
class QuotaCharge:
    """What an operation adds to (or, negative, takes from) one quota line.

    ``limit`` is ``None`` where the key is tracked but not limited; ``used`` is the
    usage before; all three in ``unit``.
    """

    owner_kind: str
    owner_id: str
    key: str
    unit: str
    limit: float | None
    used: float
    asked: float


@dataclass(frozen=True, slots=True)
class Admission:
    """A decided, not yet committed operation.

    ``changes`` are those of entities and quotas; the task's own are added by the
    commit, unless ``task_exists`` says that the operation acts on a task that is
    there already (retry, skip, undo).
    """

    task: Task
    guards: Sequence[Guard]
    changes: Sequence[Change]
    quota: tuple[QuotaCharge, ...] = ()
    placement: Decision | None = None
    warnings: tuple[Problem, ...] = ()
    task_exists: bool = False
