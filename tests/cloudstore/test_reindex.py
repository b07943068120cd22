"""Documents from before an index existed get their entries, whoever else writes."""

from __future__ import annotations

from typing import Any

import msgspec

from heliostat.cloudstore.contract import Change, Guard
from heliostat.cloudstore.documents import Kind
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.reindex import complete_indexes
from heliostat.testing.clock import VirtualClock


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    colour: str = ""
    tags: tuple[str, ...] = ()


BEFORE: Kind[Thing] = Kind("thing", Thing, {"colour": lambda thing: thing.colour})
NOW: Kind[Thing] = Kind(
    "thing", Thing, {"colour": lambda thing: thing.colour, "tag": lambda thing: thing.tags}
)


async def filled(store: MemoryStore, count: int = 45) -> None:
    for number in range(count):
        thing = Thing(id=f"t{number:02}", colour="red", tags=("a", f"b{number}"))
        await store.commit((), BEFORE.put(thing))


async def test_a_new_index_finds_old_documents() -> None:
    store = MemoryStore(VirtualClock())
    await filled(store)
    assert await complete_indexes(store, [NOW]) == 45
    assert len(await NOW.ids_by_index(store, "tag", "a")) == 45
    assert await NOW.ids_by_index(store, "tag", "b7") == ["t07"]
    assert len(await NOW.ids_by_index(store, "colour", "red")) == 45


async def test_once_is_enough() -> None:
    store = MemoryStore(VirtualClock())
    await filled(store, 3)
    await complete_indexes(store, [NOW])
    before = await store.revision()
    assert await complete_indexes(store, [NOW]) == 0
    assert await store.revision() == before


class Meddling(MemoryStore):
    """Rewrites a document just before the first guarded commit about it."""

    meddled = False

    async def commit(self, guards: Any, changes: Any) -> int:
        checked: list[Guard] = list(guards)
        asked: list[Change] = list(changes)
        if checked and not self.meddled:
            self.meddled = True
            new = Thing(id="t00", colour="red", tags=("z",))
            await super().commit((), BEFORE.put(new))
        return await super().commit(checked, asked)


async def test_a_document_that_changes_meanwhile_is_read_again() -> None:
    store = Meddling(VirtualClock())
    await filled(store, 1)
    await complete_indexes(store, [NOW])
    assert await NOW.ids_by_index(store, "tag", "z") == ["t00"]
    assert await NOW.ids_by_index(store, "tag", "a") == []


async def test_more_entries_than_one_commit_takes() -> None:
    store = MemoryStore(VirtualClock())
    many = Thing(id="many", tags=tuple(f"t{number}" for number in range(150)))
    await store.commit((), BEFORE.put(many))
    assert await complete_indexes(store, [NOW]) == 1
    assert await NOW.ids_by_index(store, "tag", "t149") == ["many"]
