"""Delivery of events to watchers: in commit order, each once, none lost.

The backend publishes every commit after it is durable.  A watcher gets live
commits through a bounded buffer; one that is too slow for it loses the buffer,
not the events: it reads the backend's kept events from where it stopped and
joins the live ones again.  Lives in one event loop; no locks.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from heliostat.cloudstore.contract import Event

BUFFERED_COMMITS = 256

ReadEvents = Callable[[str, int, int], Awaitable[tuple[Sequence[Event], int]]]
"""``(prefix, after, upto)`` -> kept events of whole commits, and how far they reach."""


class Subscription:
    """Live commits for one prefix: everything after revision ``joined``, until it lags."""

    def __init__(self, prefix: str, joined: int, capacity: int) -> None:
        self.prefix = prefix
        self.joined = joined
        self.lagging = False
        self.resume_after = 0
        self._capacity = capacity
        self._commits: deque[list[Event]] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, events: list[Event]) -> None:
        if self.lagging:
            return
        self._commits.append(events)
        if len(self._commits) > self._capacity:
            # Everything for this prefix before the oldest buffered commit was delivered.
            self.resume_after = self._commits[0][0].revision - 1
            self.lagging = True
            self._commits.clear()
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> list[Event] | None:
        return self._commits.popleft() if self._commits else None

    def rejoin(self, revision: int) -> None:
        """Buffer again; what lies up to ``revision`` must be read from the backend."""
        self.joined = revision
        self.lagging = False

    async def wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class Feed:
    """Who watches what, and the latest revision published."""

    def __init__(self, revision: int = 0, *, capacity: int = BUFFERED_COMMITS) -> None:
        self.revision = revision
        self.closed = False
        self._capacity = capacity
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._lengths: Counter[int] = Counter()

    def publish(self, revision: int, events: Sequence[Event]) -> None:
        """Hand one durable commit to its watchers; called in revision order."""
        self.revision = revision
        if not self._subscriptions:
            return
        touched: dict[Subscription, list[Event]] = {}
        for event in events:
            for length in self._lengths:
                if length > len(event.key):
                    continue
                for subscription in self._subscriptions.get(event.key[:length], ()):
                    touched.setdefault(subscription, []).append(event)
        for subscription, matching in touched.items():
            subscription.offer(matching)

    def close(self) -> None:
        """End every watch."""
        self.closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.wake()

    async def follow(
        self, prefix: str, from_revision: int, read: ReadEvents
    ) -> AsyncIterator[Event]:
        """Every event under ``prefix`` after ``from_revision``, until the feed closes."""
        subscription = self._subscribe(prefix)
        position = from_revision
        try:
            while not self.closed:
                while position < subscription.joined:
                    kept, position = await read(prefix, position, subscription.joined)
                    for event in kept:
                        yield event
                while not (self.closed or subscription.lagging):
                    commit = subscription.take()
                    if commit is None:
                        await subscription.wait()
                    elif commit[0].revision > position:
                        position = commit[0].revision
                        for event in commit:
                            yield event
                position = max(position, subscription.resume_after)
                subscription.rejoin(self.revision)
        finally:
            self._unsubscribe(subscription)

    def _subscribe(self, prefix: str) -> Subscription:
        subscription = Subscription(prefix, self.revision, self._capacity)
        self._subscriptions.setdefault(prefix, []).append(subscription)
        self._lengths[len(prefix)] += 1
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        prefix = subscription.prefix
        self._subscriptions[prefix].remove(subscription)
        if not self._subscriptions[prefix]:
            del self._subscriptions[prefix]
        self._lengths[len(prefix)] -= 1
        if not self._lengths[len(prefix)]:
            del self._lengths[len(prefix)]
