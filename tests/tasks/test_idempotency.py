"""Idempotency keys: once within a day, by caller, route and body."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.cloudstore.contract import Absent, AtRevision, Document, GuardFailed, Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.errors import PermanentError
from heliostat.tasks.idempotency import (
    KEPT_MS,
    Fresh,
    IdempotencyRecord,
    Replay,
    check,
    hash_body,
    record_key,
    replayed,
)
from heliostat.testing.clock import VirtualClock

KEY = record_key("ada@example", "createVm", "k1")


def stored(body: bytes, task_id: str, expires_ms: int, revision: int = 7) -> Document:
    value = IdempotencyRecord(body_hash=hash_body(body), task_id=task_id, expires_ms=expires_ms)
    return Document(KEY, msgspec.json.encode(value), revision, revision)


parts = st.text(max_size=12)


@given(st.tuples(parts, parts, parts), st.tuples(parts, parts, parts))
def test_scopes_do_not_run_into_each_other(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (record_key(*one) == record_key(*other)) == (one == other)


def test_a_new_key_is_remembered_for_a_day() -> None:
    fresh = check(None, KEY, hash_body(b"{}"), "t1", 5)
    assert isinstance(fresh, Fresh)
    assert fresh.guards == (Absent(KEY),)
    (put,) = fresh.changes
    assert isinstance(put, Put)
    assert replayed(Document(KEY, put.value, 1, 1), hash_body(b"{}"), 5 + KEPT_MS - 1) == "t1"


@given(st.binary(), st.binary(), st.integers(0, 1000), st.integers(0, 1000))
def test_replay_conflict_or_fresh(body: bytes, other: bytes, expires: int, now: int) -> None:
    document = stored(body, "t1", expires)
    if expires <= now:
        fresh = check(document, KEY, hash_body(other), "t2", now)
        assert isinstance(fresh, Fresh)
        assert fresh.guards == (AtRevision(KEY, 7),)
    elif body == other:
        assert check(document, KEY, hash_body(other), "t2", now) == Replay("t1")
    else:
        with pytest.raises(PermanentError) as caught:
            check(document, KEY, hash_body(other), "t2", now)
        assert (caught.value.code, caught.value.status) == ("IdempotencyConflict", 409)


async def test_of_two_equal_requests_at_once_one_commits_and_the_other_replays() -> None:
    store = MemoryStore(VirtualClock())
    both = [check(await store.get(KEY), KEY, hash_body(b"x"), f"t{n}", 1) for n in (1, 2)]
    first, second = both
    assert isinstance(first, Fresh)
    assert isinstance(second, Fresh)
    await store.commit(first.guards, first.changes)
    with pytest.raises(GuardFailed):
        await store.commit(second.guards, second.changes)
    assert check(await store.get(KEY), KEY, hash_body(b"x"), "t2", 1) == Replay("t1")
    await store.close()
