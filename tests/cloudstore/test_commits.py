"""Conformance: commits are all or nothing, numbered, guarded and bounded."""

from __future__ import annotations

import asyncio

import pytest

from heliostat.cloudstore.contract import (
    MAX_CHANGES,
    MAX_COMMIT_BYTES,
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Delete,
    Document,
    Guard,
    GuardFailed,
    PrefixEmpty,
    PrefixUnchanged,
    Put,
    StoreUnavailable,
    ValueIs,
)
from heliostat.core.errors import HeliostatError


async def test_a_commit_makes_all_its_changes_at_one_new_revision(store: CloudStore) -> None:
    assert await store.revision() == 0
    assert await store.commit([], [Put("/v1/a", b"1"), Put("/v1/b", b"")]) == 1
    assert await store.commit([], [Put("/v1/a", b"2"), Delete("/v1/b")]) == 2
    assert await store.revision() == 2
    assert await store.get("/v1/a") == Document("/v1/a", b"2", created=1, revision=2)
    assert await store.get("/v1/b") is None


async def test_a_key_put_again_after_its_deletion_is_created_anew(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    await store.commit([], [Delete("/v1/a")])
    await store.commit([], [Put("/v1/a", b"2")])
    assert await store.get("/v1/a") == Document("/v1/a", b"2", created=3, revision=3)


async def test_deleting_what_is_absent_is_no_commit(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"1")])
    assert await store.commit([], [Delete("/v1/b")]) == 1
    assert await store.commit([Absent("/v1/b")], []) == 1
    assert await store.history("/v1/b") == ()
    assert await store.commit([], [Delete("/v1/b"), Put("/v1/c", b"")]) == 2


HELD: list[Guard] = [
    AtRevision("/v1/x/a", 1),
    Absent("/v1/x"),
    Absent("/v1/x/a/"),
    PrefixUnchanged("/v1/x/", 2),
    PrefixUnchanged("/v1/x/a", 1),
    PrefixUnchanged("/v1/y", 0),
    PrefixEmpty("/v1/x/a/"),
    PrefixEmpty("/v1/x/b"),
]
FAILED: list[Guard] = [
    AtRevision("/v1/x/a", 2),
    AtRevision("/v1/x/b", 1),
    AtRevision("/v1/none", 0),
    Absent("/v1/x/a"),
    PrefixUnchanged("/v1/x/", 1),
    PrefixUnchanged("/v1/x/b", 1),
    PrefixUnchanged("", 1),
    PrefixEmpty("/v1/x/"),
    PrefixEmpty("/v1/x/a"),
    PrefixEmpty(""),
]


async def fill(store: CloudStore) -> None:
    """``/v1/x/a`` put at 1, ``/v1/x/b`` put at 1 and deleted at 2."""
    await store.commit([], [Put("/v1/x/a", b"1"), Put("/v1/x/b", b"1")])
    await store.commit([], [Delete("/v1/x/b")])


@pytest.mark.parametrize("guard", HELD, ids=repr)
async def test_a_guard_that_holds_lets_the_commit_pass(store: CloudStore, guard: Guard) -> None:
    await fill(store)
    assert await store.commit([guard], [Put("/v1/x/c", b"")]) == 3


@pytest.mark.parametrize("guard", FAILED, ids=repr)
async def test_a_guard_that_fails_leaves_everything_as_it_was(
    store: CloudStore, guard: Guard
) -> None:
    await fill(store)
    with pytest.raises(GuardFailed) as caught:
        await store.commit([Absent("/v1/new"), guard], [Put("/v1/new", b""), Delete("/v1/x/a")])
    assert caught.value.guard == guard
    assert caught.value.code == "GuardFailed"
    assert await store.revision() == 2
    assert await store.get("/v1/new") is None
    assert await store.get("/v1/x/a") is not None


async def test_a_prefix_guard_across_many_revisions_sees_old_changes(store: CloudStore) -> None:
    await fill(store)
    for number in range(300):
        await store.commit([], [Put("/v1/other", b"%d" % number)])
    await store.commit([PrefixUnchanged("/v1/x/", 2)], [])
    with pytest.raises(GuardFailed):
        await store.commit([PrefixUnchanged("/v1/x/", 1)], [])


async def test_a_prefix_guard_from_before_compaction_fails(store: CloudStore) -> None:
    await fill(store)
    await store.compact(2)
    with pytest.raises(GuardFailed):
        await store.commit([PrefixUnchanged("/v1/x/", 1)], [])
    await store.commit([PrefixUnchanged("/v1/x/", 2)], [])


async def test_of_two_writers_with_one_guard_one_wins(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"0")])
    outcomes = await asyncio.gather(
        *(store.commit([AtRevision("/v1/a", 1)], [Put("/v1/a", b"%d" % n)]) for n in range(20)),
        return_exceptions=True,
    )
    assert outcomes[0] == 2
    assert all(isinstance(outcome, GuardFailed) for outcome in outcomes[1:])
    assert await store.get("/v1/a") == Document("/v1/a", b"0", created=1, revision=2)


async def test_concurrent_commits_get_every_revision_once(store: CloudStore) -> None:
    commits = (store.commit([], [Put(f"/v1/{n}", b"")]) for n in range(200))
    assert sorted(await asyncio.gather(*commits)) == list(range(1, 201))


async def test_guards_see_what_commits_just_before_them_wrote(store: CloudStore) -> None:
    await store.commit([], [Put("/v1/a", b"0"), Put("/v1/x/a", b"")])
    outcomes = await asyncio.gather(
        store.commit([], [Put("/v1/a", b"1"), Put("/v1/x/b", b"")]),
        store.commit([ValueIs("/v1/a", b"1")], [Put("/v1/a", b"2")]),
        store.commit([ValueIs("/v1/a", b"1")], [Put("/v1/a", b"3")]),
        store.commit([PrefixUnchanged("/v1/x/", 1)], [Put("/v1/a", b"4")]),
        store.commit([PrefixUnchanged("/v1/x/", 2)], [Delete("/v1/x/b")]),
        store.commit([PrefixUnchanged("/v1/x/", 2)], [Put("/v1/a", b"5")]),
        return_exceptions=True,
    )
    assert [each for each in outcomes if isinstance(each, int)] == [2, 3, 4]
    assert [isinstance(each, GuardFailed) for each in outcomes] == [
        False, False, True, True, False, True,
    ]  # fmt: skip
    assert await store.get("/v1/a") == Document("/v1/a", b"2", created=1, revision=3)
    assert [each.value for each in await store.history("/v1/a")] == [b"0", b"1", b"2"]


async def test_limits_of_a_commit(store: CloudStore) -> None:
    most: list[Change] = [Put(f"/v1/{n:03}", b"") for n in range(MAX_CHANGES)]
    assert await store.commit([], most) == 1
    with pytest.raises(HeliostatError, match="RequestTooLarge"):
        await store.commit([], [*most, Put("/v1/more", b"")])
    size = MAX_COMMIT_BYTES - len("/v1/large")
    assert await store.commit([], [Put("/v1/large", bytes(size))]) == 2
    with pytest.raises(HeliostatError, match="RequestTooLarge"):
        await store.commit([], [Put("/v1/large", bytes(size + 1))])
    assert await store.revision() == 2


@pytest.mark.parametrize(
    "changes",
    [
        [Put("/v1/a", b""), Delete("/v1/a")],
        [Put("no-slash", b"")],
        [Put("/lease/mine", b"")],
        [Put("/v1/" + "x" * 2000, b"")],
        [Put("/v1/\udc80", b"")],
    ],
    ids=["twice", "no slash", "lease", "long", "surrogate"],
)
async def test_changes_that_no_backend_takes_are_defects(
    store: CloudStore, changes: list[Change]
) -> None:
    with pytest.raises(ValueError):
        await store.commit([], changes)
    assert await store.revision() == 0


async def test_a_cancelled_commit_does_not_disturb_the_next(store: CloudStore) -> None:
    task = asyncio.ensure_future(store.commit([], [Put("/v1/a", b"")]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    revision = await store.commit([], [Put("/v1/b", b"")])
    assert await store.revision() == revision


async def test_a_closed_store_refuses(store: CloudStore) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.commit([], [Put("/v1/a", b"")])
    with pytest.raises(StoreUnavailable):
        await store.get("/v1/a")
    await store.close()
