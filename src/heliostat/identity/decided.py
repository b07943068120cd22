"""Decide, then commit once: the one loop around compare-and-set in identity.

A decision reads and validates and writes nothing; with ``plan`` it is only
answered.  When somebody else wrote first, it is made again from what is there.
``beside`` lets a caller put something of its own into the next commit, so that
both are true or neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Generic, TypeVar

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.core.errors import TemporaryError

T = TypeVar("T")
TRIES = 16

Beside = Callable[[], Awaitable[tuple[Sequence[Guard], Sequence[Change]]]]
"""Looks (and may raise, which ends the whole), then says what else to commit."""

_beside: ContextVar[Beside | None] = ContextVar("beside", default=None)


@contextmanager
def beside(also: Beside) -> Iterator[None]:
    """Whatever is settled inside commits what ``also`` says in the same commit."""
    token = _beside.set(also)
    try:
        yield
    finally:
        _beside.reset(token)


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
    also = _beside.get()
    for _ in range(TRIES):
        guards, changes = await also() if also is not None and not plan else ((), ())
        decided = await decide()
        if plan:
            return decided.result
        try:
            await store.commit([*decided.guards, *guards], [*decided.changes, *changes])
        except GuardFailed:
            continue
        return decided.result
    raise TemporaryError(
        "StoreUnavailable", f"Others changed the same data {TRIES} times in a row."
    )
