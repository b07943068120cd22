"""Decide, then commit once: the one loop around compare-and-set in identity.

A decision reads and validates and writes nothing; with ``plan`` it is only
answered.  When somebody else wrote first, it is made again from what is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.core.errors import TemporaryError

T = TypeVar("T")
TRIES = 16


@dataclass(frozen=True, slots=True)
class Decided(Generic[T]):
    """What would be done: ``changes`` under ``guards``, and what the caller then gets."""

    result: T
    guards: Sequence[Guard]
    changes: Sequence[Change]


async def settle(
    store: CloudStore, decide: Callable[[], Awaitable[Decided[T]]], *, plan: bool = False
) -> T:
    """Commit what ``decide`` says (with ``plan``: don't) and give its result."""
    for _ in range(TRIES):
        decided = await decide()
        if plan:
            return decided.result
        try:
            await store.commit(decided.guards, decided.changes)
        except GuardFailed:
            continue
        return decided.result
    raise TemporaryError(
        "StoreUnavailable", f"Others changed the same data {TRIES} times in a row."
    )
