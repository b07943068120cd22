"""Typed documents: encoding, keys, and index entries that follow their document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import msgspec
import pytest

from heliostat.cloudstore.contract import CloudStore, Delete, Document, GuardFailed, Put
from heliostat.cloudstore.documents import Kind, decode, encode
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.errors import HeliostatError
from heliostat.testing.clock import VirtualClock


class Vm(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    tags: tuple[str, ...] = ()
    schema: int = 2


VMS = Kind("vm", Vm, {"name": lambda vm: vm.name, "tag": lambda vm: vm.tags})


def vm(id_: str = "1", name: str = "web", tags: tuple[str, ...] = ()) -> Vm:
    return Vm(id=id_, name=name, tags=tags)


def document(value: bytes) -> Document:
    return Document("/v1/vm/1", value, 1, 1)


def test_what_is_encoded_is_decoded() -> None:
    assert decode(Vm, document(encode(vm(tags=("a",))))) == vm(tags=("a",))
    assert b'"schema":2' in encode(vm())


def test_an_older_schema_is_read_and_a_newer_one_refused() -> None:
    assert decode(Vm, document(b'{"id":"1","name":"web","schema":1}')).schema == 1
    with pytest.raises(HeliostatError, match="newer version"):
        decode(Vm, document(b'{"id":"1","name":"web","schema":3}'))


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"id":1,"name":"web"}', b"\xff"])
def test_what_is_no_such_document_is_corrupt(value: bytes) -> None:
    with pytest.raises(HeliostatError) as caught:
        decode(Vm, document(value))
    assert caught.value.code == "StoreCorrupt"
    assert "/v1/vm/1" in caught.value.message


def test_index_entries_follow_the_document() -> None:
    first, second = vm(tags=("a", "b")), vm(name="db", tags=("b", "c", "c"))
    assert VMS.put(first)[1:] == [
        Put("/idx/vm/name/web/1", b""),
        Put("/idx/vm/tag/a/1", b""),
        Put("/idx/vm/tag/b/1", b""),
    ]
    assert VMS.put(second, previous=first)[1:] == [
        Delete("/idx/vm/name/web/1"),
        Delete("/idx/vm/tag/a/1"),
        Put("/idx/vm/name/db/1", b""),
        Put("/idx/vm/tag/c/1", b""),
    ]
    assert VMS.put(first, previous=first) == [Put("/v1/vm/1", encode(first))]
    assert {change.key for change in VMS.delete(second)} == {
        "/v1/vm/1",
        "/idx/vm/name/db/1",
        "/idx/vm/tag/b/1",
        "/idx/vm/tag/c/1",
    }


@pytest.mark.parametrize("name", ["a/b", "%2F", "", "ü /%", "DOMAIN\\group", "a/"])
async def test_any_text_can_be_an_index_value_and_an_id(store: CloudStore, name: str) -> None:
    await store.commit([], VMS.put(vm("1", name)))
    await store.commit([], VMS.put(vm("2", name + "/")))
    await store.commit([], VMS.put(vm("x/" + name, "other")))
    assert [s.value.id for s in await VMS.by_index(store, "name", name)] == ["1"]
    assert await VMS.ids_by_index(store, "name", "other") == ["x/" + name]
    found = await VMS.get(store, "x/" + name)
    assert found is not None
    assert VMS.id_of(found.key) == "x/" + name


async def test_a_unique_name_by_guard(store: CloudStore) -> None:
    await store.commit([VMS.unused("name", "web"), VMS.absent("1")], VMS.put(vm("1")))
    with pytest.raises(GuardFailed):
        await store.commit([VMS.unused("name", "web")], VMS.put(vm("2")))
    await store.commit([VMS.unused("name", "we")], VMS.put(vm("2", "we")))


async def test_a_stale_read_can_not_be_written_back(store: CloudStore) -> None:
    await store.commit([], VMS.put(vm()))
    stored = await VMS.get(store, "1")
    assert stored is not None
    newer = vm(name="db")
    await store.commit([VMS.guard(stored)], VMS.put(newer, stored.value))
    with pytest.raises(GuardFailed):
        await store.commit([VMS.guard(stored)], VMS.delete(stored.value))
    since = await store.revision()
    await store.commit([], VMS.put(vm("2", "db")))
    with pytest.raises(GuardFailed):
        await store.commit([VMS.index_unchanged("name", "db", since)], [])


async def test_pages_of_a_kind_and_of_an_index(store: CloudStore) -> None:
    for number in range(5):
        await store.commit([], VMS.put(vm(str(number), "web", ("even",) * (number % 2 == 0))))
    page = await VMS.list(store, limit=3)
    assert [s.value.id for s in page.items] == ["0", "1", "2"]
    await store.commit([], VMS.delete(vm("4", "web", ("even",))))
    rest = await VMS.list(store, after=page.after, at_revision=page.revision)
    assert ([s.value.id for s in rest.items], rest.after) == (["3", "4"], None)
    first = await VMS.list_by_index(store, "tag", "even", limit=1)
    second = await VMS.list_by_index(store, "tag", "even", after=first.after)
    assert [s.value.id for s in (*first.items, *second.items)] == ["0", "2"]
    assert [s.value.id for s in await VMS.all(store)] == ["0", "1", "2", "3"]


def test_an_index_that_does_not_exist_is_a_defect() -> None:
    with pytest.raises(KeyError, match="vm has no index color"):
        VMS.index_prefix("color", "red")


async def _turns_during(work: Awaitable[object]) -> int:
    """How often others had their turn before ``work`` was done."""
    working, turns = asyncio.ensure_future(work), -1
    while not working.done():
        turns += 1
        await asyncio.sleep(0)
    await working
    return turns


async def test_who_reads_much_lets_others_get_on(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", VirtualClock())
    for start in range(0, 1200, 40):
        changes = [each for n in range(start, start + 40) for each in VMS.put(vm(f"{n}", "same"))]
        await store.commit([], changes)
    assert await _turns_during(store.list(VMS.prefix)) == 0
    assert await _turns_during(VMS.all(store)) >= 1
    assert await _turns_during(VMS.by_index(store, "name", "same")) > 12
    await store.close()
