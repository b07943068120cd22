"""Argon2id hashes, computed off the event loop and only a few at a time.

Each hash takes 19 MiB and tens of milliseconds.  A flood of sign-ins therefore
waits in a bounded line and then is refused: memory stays bounded and the event
loop free.  ``close`` ends the threads.
"""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError

from heliostat.core.errors import TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.passwords import argon2id
from heliostat.identity.passwords.options import HashCost

T = TypeVar("T")
_SALT_BYTES = 16


class Hashing:
    """Makes and checks password hashes; one for a process."""

    def __init__(self, ids: Ids, cost: HashCost) -> None:
        self._ids = ids
        self._limit = cost.concurrency + cost.queue
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes
        )
        self._cost = argon2id.Cost(cost.passes, cost.memory_kib, cost.lanes)
        self._pool = ThreadPoolExecutor(cost.concurrency, thread_name_prefix="argon2")
        self._dummy = ""
        self.under_way = 0

    async def hash(self, password: str) -> str:
        """The hash to keep; raises ``TooManyRequests`` when the line is full."""
        salt = hashlib.sha256(self._ids.secret(_SALT_BYTES).encode()).digest()[:_SALT_BYTES]
        plain = normal(password)
        return await self._run(lambda: argon2id.made(plain, salt, self._cost))

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether ``password`` has the hash ``kept``.

        For ``None`` (no such user) the same work is done against a hash that
        nothing matches, so that time does not tell which users exist.
        """
        plain = normal(password)
        if kept is None:
            if not self._dummy:
                self._dummy = await self.hash(self._ids.secret())
            await self._run(lambda: self._verify(plain, self._dummy))
            return False
        return await self._run(lambda: self._verify(plain, kept))

    async def beside(self, work: Callable[[], T]) -> T:
        """Other work of the same kind, within the same bound; raises ``TooManyRequests``."""
        return await self._run(work)

    async def prepare(self) -> None:
        """Make the hash for unknown users ahead of the first sign-in."""
        self._dummy = self._dummy or await self.hash(self._ids.secret())

    def is_outdated(self, kept: str) -> bool:
        """Whether ``kept`` was made at another cost than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password: bytes, kept: str) -> bool:
        try:
            return argon2id.matches(password, kept)
        except (HashingError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self.under_way >= self._limit:
            raise TemporaryError(
                "TooManyRequests", f"{self.under_way} sign-ins are under way already."
            )
        self.under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self.under_way -= 1


def normal(password: str) -> bytes:
    """One spelling of a password, whichever way a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace")
