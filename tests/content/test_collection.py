"""Collection: unreferenced content goes, and no reference is ever left without content."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.cloudstore.contract import GuardFailed
from heliostat.cloudstore.memory import MemoryStore
from heliostat.content import references
from heliostat.content.blobs import Blobs, StoredBlob
from heliostat.content.collection import collect, decide
from heliostat.content.references import Owner
from heliostat.core.clock import SystemClock

IMAGE = Owner("image", "1")


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    made = MemoryStore(SystemClock())
    yield made
    await made.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def put(blobs: Blobs, data: bytes, *, old: bool = True) -> str:
    with blobs.stage() as staging:
        staging.write(data)
        digest = staging.commit().digest
    if old:
        os.utime(blobs.path(digest), (0, 0))
    return digest


async def refer(store: MemoryStore, digest: str, owner: Owner = IMAGE) -> None:
    part = references.add(digest, owner)
    await store.commit(part.guards, part.changes)


async def test_only_old_unreferenced_content_goes(store: MemoryStore, blobs: Blobs) -> None:
    used, young, unused = put(blobs, b"used"), put(blobs, b"young", old=False), put(blobs, b"no")
    await refer(store, used)
    done = await collect(store, blobs, grace_s=60)
    assert [blob.digest for blob in done.deleted] == [unused]
    assert done.freed_bytes == 2
    assert done.kept == 2
    assert blobs.exists(used)
    assert blobs.exists(young)
    assert await references.condemned(store) == frozenset()


async def test_removing_the_last_reference_frees_the_content(
    store: MemoryStore, blobs: Blobs
) -> None:
    digest = put(blobs, b"shared")
    other = Owner("image", "2")
    await refer(store, digest)
    await refer(store, digest, other)
    assert set(await references.owners(store, digest)) == {IMAGE, other}
    for owner, still_there in ((IMAGE, True), (other, False)):
        part = references.remove(digest, owner)
        await store.commit(part.guards, part.changes)
        await collect(store, blobs, grace_s=60)
        assert blobs.exists(digest) is still_there


async def test_a_reference_committed_after_listing_saves_the_content(blobs: Blobs) -> None:
    digest = put(blobs, b"raced")

    class Raced(MemoryStore):
        """Somebody commits a reference just before the collector condemns."""

        raced = False

        async def commit(self, guards, changes):  # type: ignore[no-untyped-def]
            if not self.raced:
                self.raced = True
                await refer(self, digest)
            return await super().commit(guards, changes)

    store = Raced(SystemClock())
    done = await collect(store, blobs, grace_s=60)
    assert done.deleted == ()
    assert blobs.exists(digest)
    await store.close()


async def test_condemned_content_cannot_be_referred_to(store: MemoryStore) -> None:
    digest = "a" * 64
    condemn, add = references.condemn(digest), references.add(digest, IMAGE)
    await store.commit(condemn.guards, condemn.changes)
    with pytest.raises(GuardFailed):
        await store.commit(add.guards, add.changes)


async def test_stored_again_while_condemned_stays(store: MemoryStore, blobs: Blobs) -> None:
    digest = put(blobs, b"again")
    condemn = references.condemn(digest)
    await store.commit(condemn.guards, condemn.changes)
    put(blobs, b"again", old=False)
    assert not blobs.delete_idle(digest, idle_s=60)


async def test_an_interrupted_collection_is_finished(store: MemoryStore, blobs: Blobs) -> None:
    digest = put(blobs, b"half")
    condemn = references.condemn(digest)
    await store.commit(condemn.guards, condemn.changes)
    await collect(store, blobs, grace_s=60)
    assert not blobs.exists(digest)
    assert await references.condemned(store) == frozenset()


async def test_many_references_are_read_in_pages(store: MemoryStore) -> None:
    digests = {f"{number:064x}" for number in range(2500)}
    for digest in sorted(digests):
        await refer(store, digest)
    assert await references.referenced(store) == digests


async def test_writers_and_collector_at_once(store: MemoryStore, blobs: Blobs) -> None:
    """Whatever order they run in, what is referenced at the end is there."""

    async def upload(number: int) -> str:
        while True:
            digest = await asyncio.to_thread(put, blobs, b"%d" % (number % 7), old=False)
            try:
                await refer(store, digest, Owner("image", str(number)))
            except GuardFailed:
                continue
            return digest

    async def sweep() -> None:
        for _ in range(20):
            await collect(store, blobs, grace_s=30)

    kept, _ = await asyncio.gather(asyncio.gather(*map(upload, range(40))), sweep())
    assert all(blobs.exists(digest) for digest in kept)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1e6)), max_size=30),
    st.sets(st.integers(0, 50)),
    st.floats(0, 1e6),
)
def test_decisions(ages: list[tuple[int, float]], used: set[int], grace_s: float) -> None:
    stored = [StoredBlob(str(name), 1, idle_s) for name, idle_s in ages]
    for verdict in decide(stored, {str(name) for name in used}, grace_s):
        is_used = int(verdict.blob.digest) in used
        assert verdict.delete == (not is_used and verdict.blob.idle_s >= grace_s)
        assert verdict.reason.endswith(".")
