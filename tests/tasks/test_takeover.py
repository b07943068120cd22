"""Several workers, lost leases and fencing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from heliostat.cloudstore.contract import (
    Absent,
    Change,
    Guard,
    GuardFailed,
    Lease,
    LeaseLost,
    Put,
    lease_key,
)
from heliostat.tasks.admit import changes_for, new_task
from heliostat.tasks.claim import Claimed, Held, Refused, claim
from heliostat.tasks.journal import Journal, TaskTaken
from heliostat.tasks.lease import HELD_FRACTION, WorkerLease
from heliostat.tasks.model import (
    Done,
    StepContext,
    StepDefinition,
    TaskState,
    Workflow,
    task_key,
)
from heliostat.testing.faulty import FaultyStore
from heliostat.testing.things import MAKE_THING
from heliostat.testing.workers import Workers


async def test_a_stopped_worker_gives_its_tasks_away_at_once() -> None:
    async with Workers() as workers:
        gate = workers.world.gates["start"] = asyncio.Event()
        await workers.start("one")
        await workers.start("two")
        task_id = await workers.admit()
        holder = (await workers.task(task_id)).worker
        await workers.stop(holder)
        await workers.clock.settle()
        task = await workers.task(task_id)
        assert {holder, task.worker} == {"one", "two"}
        assert task.state is TaskState.STARTED
        gate.set()
        task = await workers.finished(task_id)
        assert task.state is TaskState.COMPLETED
        assert workers.world.calls == {"admitted": 1, "reserve": 1, "start": 2}
        assert [step.attempt for step in task.steps] == [1, 1, 1]


async def test_a_worker_that_is_cut_off_stops_and_its_task_goes_on_elsewhere() -> None:
    async with Workers() as workers:
        gate = workers.world.gates["start"] = asyncio.Event()
        cut = FaultyStore(workers.store)
        await workers.start("one", store=cut)
        task_id = await workers.admit()
        await workers.start("two")
        cut.cut = True
        await workers.clock.advance(9)
        assert (await workers.task(task_id)).worker == "one"
        # The step asserts that it never runs twice at once: "one" must have stopped by itself.
        await workers.clock.advance(11)
        assert (await workers.task(task_id)).worker == "two"
        assert len(workers.world.inside) == 1
        gate.set()
        cut.cut = False
        assert (await workers.finished(task_id)).state is TaskState.COMPLETED
        assert workers.world.calls["start"] == 2


async def test_a_worker_takes_a_new_lease_after_it_lost_one_and_goes_on() -> None:
    async with Workers() as workers:
        gate = workers.world.gates["start"] = asyncio.Event()
        cut = FaultyStore(workers.store)
        await workers.start("one", store=cut)
        task_id = await workers.admit()
        first = await workers.store.get(lease_key("worker/one"))
        cut.cut = True
        await workers.clock.advance(30)
        assert await workers.store.get(lease_key("worker/one")) is None
        assert not workers.world.inside
        cut.cut = False
        await workers.clock.advance(10)
        second = await workers.store.get(lease_key("worker/one"))
        assert first is not None
        assert second is not None
        assert second.revision > first.revision
        gate.set()
        assert (await workers.finished(task_id)).state is TaskState.COMPLETED


async def test_a_lease_revoked_behind_a_workers_back_fences_it() -> None:
    """The store forgets the lease while the worker still believes in it: its commit must fail."""
    async with Workers() as workers:
        gate = workers.world.gates["start"] = asyncio.Event()
        await workers.start("one")
        task_id = await workers.admit()
        before = await workers.store.get(task_key(task_id))
        lease = await workers.store.get(lease_key("worker/one"))
        assert lease is not None
        held = Lease(name="worker/one", owner="", ttl_s=10, fence=lease.revision)
        await workers.store.release(held)
        gate.set()
        fatal = await workers.store.get(task_key(task_id))
        assert fatal == before
        task = await workers.finished(task_id)
        assert task.state is TaskState.COMPLETED
        assert workers.world.calls["start"] == 2  # the fenced try changed nothing


async def test_a_journal_of_a_lost_lease_can_write_nothing() -> None:
    async with Workers() as workers:
        task = new_task(workers.ids, workers.clock, MAKE_THING, entity_kind="thing", entity_id="x")
        await workers.store.commit([], changes_for(task))
        document = await workers.store.get(task_key(task.id))
        lease = await workers.store.acquire("worker/one", "one", 10)
        assert document is not None
        assert lease is not None
        stale = Journal(workers.store, workers.clock, lease, document)
        await workers.clock.advance(11)
        for write in (stale.save(stale.draft()), stale.commit([], [Put("/v1/x/1", b"")])):
            with pytest.raises(LeaseLost):
                await write
        assert await workers.store.get(task_key(task.id)) == document
        assert await workers.store.get("/v1/x/1") is None


async def test_a_journal_refuses_to_write_a_task_that_somebody_else_wrote() -> None:
    async with Workers() as workers:
        task = new_task(workers.ids, workers.clock, MAKE_THING, entity_kind="thing", entity_id="x")
        await workers.store.commit([], changes_for(task))
        document = await workers.store.get(task_key(task.id))
        lease = await workers.store.acquire("worker/one", "one", 10)
        assert document is not None
        assert lease is not None
        journal = Journal(workers.store, workers.clock, lease, document)
        other = Journal(workers.store, workers.clock, lease, document)
        await other.save(other.draft())
        with pytest.raises(TaskTaken):
            await journal.save(journal.draft())
        with pytest.raises(TaskTaken):
            await journal.commit([], [Put("/v1/x/1", b"")])
        with pytest.raises(GuardFailed):
            await other.commit([Absent(task_key(task.id))], [])


async def test_many_workers_share_the_tasks_and_never_run_one_twice_at_once() -> None:
    async with Workers() as workers:
        for number in range(4):
            await workers.start(f"w{number}", concurrency=4)
        tasks = [await workers.admit() for _ in range(40)]
        used = set()
        for task_id in tasks:
            task = await workers.finished(task_id)
            assert task.state is TaskState.COMPLETED
            used.add(task.worker)
        assert workers.world.calls == {
            "admitted": 40,
            "reserve": workers.world.calls["reserve"],
            "start": 40,
        }
        assert used <= {"w0", "w1", "w2", "w3"}


async def test_tasks_survive_workers_that_come_and_go() -> None:
    """Workers are stopped and started while tasks run; every task ends exactly once."""
    async with Workers(seed=7) as workers:
        await workers.start("a")
        tasks = []
        for number in range(12):
            gate = workers.world.gates["start"] = asyncio.Event()
            tasks.append(await workers.admit())
            old, new = ("a", "b") if number % 2 == 0 else ("b", "a")
            await workers.start(new)
            await workers.stop(old)
            gate.set()
        for task_id in tasks:
            assert (await workers.finished(task_id)).state is TaskState.COMPLETED
        assert len(workers.world.running) == 12


async def test_the_engine_s_end_leaves_the_task_as_it_is() -> None:
    async with Workers() as workers:
        workers.world.gates["start"] = asyncio.Event()
        await workers.start("one")
        task_id = await workers.admit()
        before = await workers.store.get(task_key(task_id))
        await workers.stop("one")
        assert await workers.store.get(task_key(task_id)) == before
        assert await workers.store.get(lease_key("worker/one")) is None


async def test_a_second_process_with_the_same_worker_id_waits_for_the_lease() -> None:
    async with Workers() as workers:
        keepers = [
            WorkerLease(workers.store, workers.clock, worker_id="w", owner=owner, ttl_s=9.0)
            for owner in ("first", "second")
        ]
        lease = await keepers[0].take()
        second = asyncio.create_task(keepers[1].take())
        await workers.clock.advance(8)
        assert not second.done()
        await keepers[0].give_back(lease)
        taken = await workers.clock.run_until(second)
        assert taken.owner == "second"


async def test_a_renewal_that_never_answers_loses_the_lease_in_time() -> None:
    class Hanging(FaultyStore):
        async def renew(self, lease: Lease) -> None:
            await asyncio.get_running_loop().create_future()

    async with Workers() as workers:
        keeper = WorkerLease(
            Hanging(workers.store), workers.clock, worker_id="w", owner="o", ttl_s=9.0
        )
        lease = await keeper.take()
        with pytest.raises(LeaseLost):
            await workers.clock.run_until(keeper.keep(lease))
        assert workers.clock.monotonic_s() == 9.0 * HELD_FRACTION


async def test_a_step_sees_its_own_lost_lease_when_it_commits() -> None:
    tried: list[str] = []

    async def write_late(context: StepContext) -> Done:
        await context.clock.sleep(1)
        tried.append(context.task.worker)
        await context.commit([], [Put("/v1/x/1", context.task.worker.encode())])
        return Done()

    class Deaf(FaultyStore):
        """Renewals seem to succeed, and watches tell nothing: only the fence can stop it."""

        async def renew(self, lease: Lease) -> None:
            return None

        async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
            return await self._store.commit(guards, changes)

    late = Workflow(operation="LATE", steps=(StepDefinition(operation="IT", run=write_late),))
    async with Workers({"LATE": late}) as workers:
        await workers.start("deaf", store=Deaf(workers.store))
        await workers.clock.advance(11)  # its lease has ended; it does not know
        assert await workers.store.get(lease_key("worker/deaf")) is None
        await workers.start("good")
        task_id = await workers.admit(late)
        task = await workers.finished(task_id)
        assert task.worker == "good"
        written = await workers.store.get("/v1/x/1")
        assert written is not None
        assert written.value == b"good"


async def test_a_claim_is_refused_by_the_store_while_the_other_worker_s_lease_is_there() -> None:
    """What a worker believes about others may be behind; the guard of its claim is not."""
    async with Workers() as workers:
        workers.world.gates["start"] = asyncio.Event()
        await workers.start("one")
        task_id = await workers.admit()
        before = await workers.store.get(task_key(task_id))
        lease = await workers.store.acquire("worker/two", "two", 10)
        assert lease is not None

        async def take() -> Claimed | Held | Refused:
            return await claim(
                workers.store,
                workers.clock,
                lease,
                "two",
                workers.workflows,
                task_id,
                is_live=lambda worker_id: False,
            )

        assert await take() == Held("one")
        assert await workers.store.get(task_key(task_id)) == before
        await workers.stop("one")
        assert isinstance(await take(), Claimed)
        assert await claim(
            workers.store, workers.clock, lease, "two", {}, task_id, is_live=lambda _: False
        ) == Refused("This version knows no operation MAKE_THING.")
