"""Following a prefix: all of it now, then every change, for as long as one likes.

Lists at one revision and watches from there; when the store has forgotten that
far back, or doesn't answer, it lists again.  The callbacks are plain functions
and run between two events, so what they keep in memory is never half-updated.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from heliostat.cloudstore.contract import (
    CloudStore,
    Compacted,
    Document,
    Event,
    StoreUnavailable,
)
from heliostat.core.clock import Clock

PAUSE_S = 1.0


async def follow(
    store: CloudStore,
    clock: Clock,
    prefix: str,
    *,
    reset: Callable[[Sequence[Document]], None],
    changed: Callable[[Event], None],
) -> None:
    """Call ``reset`` with all documents, then ``changed`` for each event; never returns."""
    while True:
        try:
            documents, revision = await snapshot(store, prefix)
            reset(documents)
            async with _closing(store.watch(prefix, revision)) as events:
                async for event in events:
                    changed(event)
        except Compacted:
            continue
        except StoreUnavailable:
            pass
        await clock.sleep(PAUSE_S)


async def snapshot(store: CloudStore, prefix: str) -> tuple[list[Document], int]:
    """All documents under ``prefix`` as of one revision, and that revision."""
    page = await store.list(prefix)
    documents = list(page.items)
    revision = page.revision
    while page.after is not None:
        page = await store.list(prefix, after=page.after, at_revision=revision)
        documents.extend(page.items)
    return documents, revision


@asynccontextmanager
async def _closing(events: AsyncIterator[Event]) -> AsyncIterator[AsyncIterator[Event]]:
    """End the watch when its reader leaves, not when the collector finds it."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()
