"""Queues around contended documents: decided one by one, committed together, lost never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Delete,
    Guard,
    PrefixEmpty,
    Put,
    ValueIs,
)
from heliostat.cloudstore.documents import Kind
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.content.blobs import Blobs
from heliostat.controller.workflows.admission import Admission, Ports
from heliostat.controller.workflows.commit import perform
from heliostat.controller.workflows.crowds import AHEAD, Chain, Crowds, Queue, name_of
from heliostat.core.clock import SystemClock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import SystemIds
from heliostat.tasks.admit import completed_task
from heliostat.testing.site import NoImageFiles

QUOTA = AtRevision("/v1/quota/project/p", 7)
OTHER = Absent("/v1/vm/one")
CHILDREN = PrefixEmpty("/idx/vm/project/p/")


def test_a_guard_is_named_after_what_it_guards() -> None:
    assert [name_of(each) for each in (QUOTA, OTHER, CHILDREN)] == [
        QUOTA.key,
        OTHER.key,
        CHILDREN.prefix,
    ]


async def test_a_crowd_is_seen_by_whoever_guards_the_same_and_by_nobody_else() -> None:
    crowds = Crowds()
    assert crowds.around([QUOTA]) is None
    async with crowds.joined(QUOTA.key):
        assert crowds.around([OTHER, AtRevision(QUOTA.key, 8)]) == QUOTA.key
        assert crowds.around([OTHER, CHILDREN]) is None
    assert crowds.around([QUOTA]) is None


async def test_who_comes_by_the_same_way_is_told_of_the_queue_while_there_is_one() -> None:
    crowds = Crowds()
    async with crowds.joined("quota", "POST /vms"), crowds.joined("quota", "POST /disks"):
        assert (crowds.at("POST /vms"), crowds.at("POST /disks")) == ("quota", "quota")
        assert crowds.at("POST /tenants") is None
        async with crowds.joined("other", "POST /vms"):
            assert crowds.at("POST /vms") == "quota"
        assert crowds.at("POST /vms") == "quota"
    assert crowds.at("POST /vms") is None


def test_a_chain_guards_the_value_that_it_expects() -> None:
    chain = Chain()
    assert chain.guards([QUOTA, OTHER]) == [QUOTA, OTHER]
    committing: asyncio.Future[Guard | None] = asyncio.Future(loop=asyncio.new_event_loop())
    chain.add(QUOTA.key, [Put("/v1/vm/one", b"vm"), Put(QUOTA.key, b"used 1")], committing)
    expected = AtRevision(QUOTA.key, AHEAD)
    assert chain.guards([expected, OTHER]) == [ValueIs(QUOTA.key, b"used 1"), OTHER]
    assert chain.guards([OTHER]) == [ValueIs(QUOTA.key, b"used 1"), OTHER]
    chain.add(QUOTA.key, [Put("/v1/vm/two", b"vm")], committing)
    assert chain.guards([expected]) == [ValueIs(QUOTA.key, b"used 1")]
    chain.add(QUOTA.key, [Delete(QUOTA.key)], committing)
    assert chain.ahead is None
    committing.get_loop().close()


def test_a_chain_that_was_replaced_breaks_nothing() -> None:
    queue = Queue()
    first = queue.chain
    queue.broken(first)
    second = queue.chain
    assert second is not first
    queue.broken(first)
    assert queue.chain is second


class SlowStore(MemoryStore):
    """Commits reach the disk only when the test says so, in the order they were submitted."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.disk = asyncio.Event()
        self.waiting = 0
        self._order = asyncio.Lock()

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        self.waiting += 1
        await self.disk.wait()
        async with self._order:
            self.waiting -= 1
            return await super().commit(guards, changes)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    used: int = 0


ACCOUNTS: Kind[Account] = Kind("account", Account)


def _ports(store: CloudStore, tmp_path: Path) -> Ports:
    return Ports(store, SystemClock(), SystemIds(), Blobs(tmp_path), NoImageFiles())


def _drawing(ports: Ports, name: str, limit: int = 1000) -> Callable[[], Awaitable[Admission]]:
    """A verb that takes one from the account, up to ``limit``."""

    async def decide() -> Admission:
        stored = await ACCOUNTS.get(ports.store, "a")
        assert stored is not None
        if stored.value.used >= limit:
            raise PermanentError("QuotaError", f"{limit} are used.")
        after = Account(id="a", used=stored.value.used + 1)
        task = completed_task(ports.ids, ports.clock, "DRAW", entity_kind="account", entity_id=name)
        changes = [*ACCOUNTS.put(after, stored.value), Put(f"/v1/drawn/{name}", b"1")]
        return Admission(task, [ACCOUNTS.guard(stored)], changes)

    return decide


async def _turns() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_a_crowd_shares_the_wait_for_the_disk_and_loses_nothing(tmp_path: Path) -> None:
    store = SlowStore()
    ports = _ports(store, tmp_path)
    store.disk.set()
    await store.commit([], ACCOUNTS.put(Account(id="a")))
    async with ports.crowds.joined(ACCOUNTS.key("a")):
        store.disk.clear()
        drawing = [
            asyncio.create_task(perform(ports, _drawing(ports, f"{number}")))
            for number in range(20)
        ]
        await _turns()
        assert store.waiting == 20  # nobody waits for the one before to be durable
        store.disk.set()
        await asyncio.gather(*drawing)
    stored = await ACCOUNTS.get(store, "a")
    assert stored is not None
    assert stored.value.used == 20
    assert len((await store.list("/v1/drawn/")).items) == 20


async def test_when_one_of_a_chain_fails_the_others_decide_anew(tmp_path: Path) -> None:
    store = SlowStore()
    ports = _ports(store, tmp_path)
    store.disk.set()
    await store.commit([], ACCOUNTS.put(Account(id="a")))
    async with ports.crowds.joined(ACCOUNTS.key("a")):
        store.disk.clear()
        drawing = [
            asyncio.create_task(perform(ports, _drawing(ports, f"{number}"))) for number in range(9)
        ]
        await _turns()
        # somebody else, of another process, was faster
        await MemoryStore.commit(store, [], ACCOUNTS.put(Account(id="a", used=100)))
        store.disk.set()
        await asyncio.gather(*drawing)
    stored = await ACCOUNTS.get(store, "a")
    assert stored is not None
    assert stored.value.used == 109


async def test_nobody_is_refused_for_what_then_does_not_happen(tmp_path: Path) -> None:
    store = SlowStore()
    ports = _ports(store, tmp_path)
    store.disk.set()
    await store.commit([], ACCOUNTS.put(Account(id="a")))
    async with ports.crowds.joined(ACCOUNTS.key("a")):
        store.disk.clear()
        first = asyncio.create_task(perform(ports, _drawing(ports, "first", limit=1)))
        await _turns()
        second = asyncio.create_task(perform(ports, _drawing(ports, "second", limit=1)))
        await _turns()
        assert not second.done()  # what refuses it is not a fact yet
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        store.disk.set()
        await second
    assert await store.get("/v1/drawn/first") is None
    assert await store.get("/v1/drawn/second") is not None


async def test_a_refusal_on_facts_counts(tmp_path: Path) -> None:
    store = SlowStore()
    ports = _ports(store, tmp_path)
    store.disk.set()
    await store.commit([], ACCOUNTS.put(Account(id="a")))
    async with ports.crowds.joined(ACCOUNTS.key("a")):
        done = await asyncio.gather(
            *(perform(ports, _drawing(ports, f"{number}", limit=3)) for number in range(10)),
            return_exceptions=True,
        )
    refused = [each for each in done if isinstance(each, PermanentError)]
    assert len(refused) == 7
    assert {each.code for each in refused} == {"QuotaError"}
    assert len((await store.list("/v1/drawn/")).items) == 3


async def test_crowds_of_several_controllers_refuse_nobody(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", SystemClock())
    await store.commit([], ACCOUNTS.put(Account(id="a")))
    controllers = [_ports(store, tmp_path) for _ in range(3)]

    async def client(number: int) -> None:
        ports = controllers[number % len(controllers)]
        for turn in range(10):
            await perform(ports, _drawing(ports, f"{number}-{turn}"), place="draw")

    await asyncio.gather(*(client(number) for number in range(48)))
    stored = await ACCOUNTS.get(store, "a")
    await store.close()
    assert stored is not None
    assert stored.value.used == 480
