"""Ids of tasks sort newest first, which is the order of every list of tasks."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.ids import SeededIds
from heliostat.tasks.admit import task_id

TIMES = st.integers(min_value=0, max_value=(1 << 48) - 1)


@given(st.lists(TIMES, unique=True), st.integers())
def test_ids_sort_newest_first(times: list[int], seed: int) -> None:
    ids = SeededIds(seed)
    made = {task_id(ids, at_ms): at_ms for at_ms in times}
    assert [made[each] for each in sorted(made)] == sorted(times, reverse=True)


@given(TIMES, st.integers())
def test_an_id_is_a_uuid_and_two_of_one_moment_differ(at_ms: int, seed: int) -> None:
    ids = SeededIds(seed)
    one, other = task_id(ids, at_ms), task_id(ids, at_ms)
    assert one != other
    assert (uuid.UUID(one).version, uuid.UUID(one).variant) == (8, uuid.RFC_4122)
