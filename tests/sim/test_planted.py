"""The simulation finds bugs: each of these is planted, and has to be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from heliostat.agent.desired import DesiredState
from heliostat.agent.report import ReportBook
from heliostat.cloudstore.contract import AtRevision
from heliostat.controller.workflows import vm_removal
from heliostat.controller.workflows.ledger import Entry
from heliostat.sim.run import play
from heliostat.sim.scenario import Scenario
from heliostat.tasks.journal import Journal

Plant = Callable[[pytest.MonkeyPatch], None]


def quota_is_not_released(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*args: Any) -> Entry:
        return Entry()

    patch.setattr(vm_removal, "release_project", nothing)


def agent_keeps_what_nobody_wants(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DesiredState, "_drop", lambda self, key, revision: set())


def reports_of_removal_get_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ReportBook, "drop", lambda self, key: None)


def workers_are_not_fenced(patch: pytest.MonkeyPatch) -> None:
    def guards(self: Journal) -> tuple[Any, Any]:
        harmless = AtRevision(f"/v1/task/{self.task.id}", self.revision)
        return harmless, harmless

    async def persist(self: Journal, value: bytes, _guards: Any, changes: Any) -> int:
        return await self._store.commit([], changes)

    patch.setattr(Journal, "_own_guards", guards)
    patch.setattr(Journal, "_persist", persist)


PLANTED = (
    quota_is_not_released,
    agent_keeps_what_nobody_wants,
    reports_of_removal_get_lost,
    workers_are_not_fenced,
)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in range(1, 6):
        outcome = play(Scenario(operations=200, hosts=5), seed)
        if outcome.violations:
            assert outcome.operation > 0
            return
    pytest.fail("nothing was noticed")
