"""Conformance: lists, snapshots, history and compaction."""

from __future__ import annotations

import pytest

from heliostat.cloudstore.contract import (
    CloudStore,
    Compacted,
    Delete,
    FutureRevision,
    Put,
    Version,
)


async def keys(store: CloudStore, prefix: str, at_revision: int | None = None) -> list[str]:
    page = await store.list(prefix, at_revision=at_revision)
    return [item.key for item in page.items]


async def test_lists_are_in_key_order_and_end_with_the_prefix(store: CloudStore) -> None:
    names = ["/v1/a", "/v1/a/1", "/v1/a0", "/v1/aé", "/v1/b", "/v1/a\U0010ffff", "/v2"]
    await store.commit([], [Put(name, b"") for name in names])
    assert await keys(store, "") == sorted(names)
    assert await keys(store, "/v1/a") == sorted(n for n in names if n.startswith("/v1/a"))
    assert await keys(store, "/v1/a/") == ["/v1/a/1"]
    assert await keys(store, "/v1/a\U0010ffff") == ["/v1/a\U0010ffff"]
    assert await keys(store, "/v1/\ud7ff") == []
    assert await keys(store, "/v9") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 300])
async def test_pages_of_one_revision_are_a_snapshot(store: CloudStore, limit: int) -> None:
    await store.commit([], [Put(f"/v1/{n}", b"old") for n in range(7)])
    page = await store.list("/v1/", limit=limit)
    revision, items = page.revision, list(page.items)
    while page.after is not None:
        await store.commit([], [Put("/v1/0", b"new"), Put("/v1/new", b""), Delete("/v1/6")])
        page = await store.list("/v1/", limit=limit, after=page.after, at_revision=revision)
        assert page.revision == revision
        assert len(page.items) <= limit
        items += page.items
    assert [(item.key, item.value) for item in items] == [(f"/v1/{n}", b"old") for n in range(7)]


async def test_the_last_full_page_says_that_nothing_follows(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b""), Put("/v1/b", b"")])
    assert (await store.list("/v1/", limit=2)).after is None
    assert (await store.list("/v1/", limit=1)).after == "/v1/a"
    assert (await store.list("/v1/", limit=1, after="/v1/a")).after is None


async def test_reading_an_old_revision(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    await store.commit([], [Put("/v1/a", b"2"), Put("/v1/b", b"")])
    await store.commit([], [Delete("/v1/a")])
    old = await store.get("/v1/a", at_revision=1)
    assert old is not None
    assert (old.value, old.created, old.revision) == (b"1", 1, 1)
    assert await store.get("/v1/a", at_revision=0) is None
    assert await store.get("/v1/a", at_revision=3) is None
    assert await keys(store, "/v1/", 1) == ["/v1/a"]
    assert await keys(store, "/v1/", 2) == ["/v1/a", "/v1/b"]
    assert await keys(store, "/v1/", 3) == ["/v1/b"]


async def test_a_revision_that_never_was(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    for read in (
        store.get("/v1/a", at_revision=2),
        store.list("/v1/", at_revision=2),
        store.list("/v1/", at_revision=2, limit=1),
        anext(aiter(store.watch("/v1/", 2))),
    ):
        with pytest.raises(FutureRevision) as caught:
            await read
        assert caught.value.latest == 1


async def test_history_tells_every_version(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    await store.commit([], [Put("/v1/other", b"")])
    await store.commit([], [Delete("/v1/a")])
    await store.commit([], [Put("/v1/a", b"2")])
    assert await store.history("/v1/a") == (Version(b"1", 1), Version(None, 3), Version(b"2", 4))
    assert await store.history("/v1/none") == ()


async def test_compaction_keeps_what_is_readable_there_and_later(store: CloudStore) -> None:
    for number in range(1, 6):
        await store.commit([], [Put("/v1/a", b"%d" % number)])  # revisions 1..5
    await store.commit([], [Put("/v1/b", b"")])  # 6
    await store.commit([], [Delete("/v1/b")])  # 7
    await store.commit([], [Put("/v1/a", b"8")])
    await store.compact(3)
    assert [v.revision for v in await store.history("/v1/a")] == [3, 4, 5, 8]
    await store.compact(7)
    assert [v.revision for v in await store.history("/v1/a")] == [5, 8]
    assert await store.history("/v1/b") == ()
    assert await keys(store, "/v1/", 7) == ["/v1/a"]
    for read in (store.get("/v1/a", at_revision=6), store.list("/v1/", at_revision=6)):
        with pytest.raises(Compacted) as caught:
            await read
        assert caught.value.oldest == 7


async def test_compacting_backwards_does_nothing_and_too_far_reaches_the_latest(
    store: CloudStore,
) -> None:
    for number in range(5):
        await store.commit([], [Put("/v1/a", b"%d" % number)])
    await store.compact(4)
    await store.compact(2)
    assert [v.revision for v in await store.history("/v1/a")] == [4, 5]
    await store.compact(99)
    assert [v.revision for v in await store.history("/v1/a")] == [5]
    assert await store.revision() == 5
    assert await store.commit([], [Delete("/v1/a")]) == 6
    await store.compact(6)
    assert await store.history("/v1/a") == ()
    assert await store.revision() == 6
