"""Which tasks are forgotten, and that nothing of them stays behind."""

from __future__ import annotations

import pytest

from heliostat.cloudstore.contract import Delete, Put
from heliostat.core.ids import SeededIds
from heliostat.tasks.admit import changes_for, completed_task
from heliostat.tasks.idempotency import KEPT_MS, PREFIX, check, hash_body, record_key
from heliostat.tasks.model import Task, TaskState, task_key
from heliostat.tasks.retention import Verdict, judge, sweep
from heliostat.testing.clock import VirtualClock
from heliostat.testing.things import thing_key
from heliostat.testing.workers import Workers

DAY_S = 86400.0


def ended(at_ms: int) -> Task:
    task = completed_task(
        SeededIds(1), VirtualClock(at_ms), "DELETE_VM", entity_kind="vm", entity_id="v"
    )
    task.end_ms = at_ms
    return task


@pytest.mark.parametrize(
    ("state", "exists", "age_s", "verdict"),
    [
        (TaskState.STARTED, False, 9 * DAY_S, Verdict(False, "It is STARTED.")),
        (TaskState.ERROR, True, 9 * DAY_S, Verdict(False, "Its vm v exists.")),
        (TaskState.ERROR, False, 9.0, Verdict(False, "It ended 9 s ago, less than 86400 s.")),
        (
            TaskState.ERROR,
            False,
            DAY_S,
            Verdict(True, "Its entity is gone and it ended 86400 s ago."),
        ),
    ],
)
def test_the_verdict_and_its_reason(
    state: TaskState, exists: bool, age_s: float, verdict: Verdict
) -> None:
    task = ended(1000)
    task.state = state
    now_ms = 1000 + round(age_s * 1000)
    assert judge(task, entity_exists=exists, now_ms=now_ms, keep_s=DAY_S) == verdict


async def test_a_sweep_forgets_old_tasks_of_what_is_gone_and_all_their_keys() -> None:
    async with Workers() as workers:
        store, clock = workers.store, workers.clock
        await workers.start("one")
        gone = await workers.finished(await workers.admit())
        kept = await workers.finished(await workers.admit())
        await workers.stop("one")
        await store.commit([], [Delete(thing_key(gone.entity_id))])

        async def exists(kind: str, entity_id: str) -> bool:
            assert kind == "thing"
            return await store.get(thing_key(entity_id)) is not None

        assert await sweep(store, clock, exists, keep_s=DAY_S) == 0
        await clock.advance(DAY_S + 60)
        assert await sweep(store, clock, exists, keep_s=DAY_S) == 1
        assert await store.get(task_key(gone.id)) is None
        assert await store.get(task_key(kept.id)) is not None
        left = [item.key for item in (await store.list("/idx/task/")).items]
        assert left
        assert not [key for key in left if gone.id in key]
        assert await sweep(store, clock, exists, keep_s=DAY_S) == 0


async def test_a_sweep_forgets_expired_idempotency_keys() -> None:
    async with Workers() as workers:
        now_ms = workers.clock.now_ms()
        for number, age_ms in enumerate((KEPT_MS + 1, 1)):
            key = record_key("ada", "createVm", str(number))
            fresh = check(None, key, hash_body(b""), "t", now_ms - age_ms)
            await workers.store.commit([], getattr(fresh, "changes"))  # noqa: B009
        broken = f"{PREFIX}0-unreadable"
        await workers.store.commit([], [Put(broken, b"{")])

        async def exists(kind: str, entity_id: str) -> bool:
            raise AssertionError("there is no task to ask for")

        assert await sweep(workers.store, workers.clock, exists) == 1
        page = await workers.store.list(PREFIX)
        assert [item.key for item in page.items] == [broken, record_key("ada", "createVm", "1")]


async def test_what_changes_for_writes_is_what_removal_deletes() -> None:
    async with Workers() as workers:
        task = ended(1)
        task.project_id, task.tenant_id = "p", "t"
        await workers.store.commit([], changes_for(task))

        async def exists(kind: str, entity_id: str) -> bool:
            return False

        assert await sweep(workers.store, workers.clock, exists, keep_s=1) == 1
        for prefix in ("/v1/", "/idx/"):
            assert (await workers.store.list(prefix)).items == ()
