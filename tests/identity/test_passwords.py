"""What makes a password acceptable, and that hashing is bounded."""

from __future__ import annotations

import asyncio
import threading

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SeededIds
from heliostat.identity.options import HashCost, PasswordPolicy
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.strength import COMMON, weakness
from heliostat.testing.signin import CHEAP, PASSWORD

POLICY = PasswordPolicy()


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("", "0 characters"),
        ("seven77", "7 characters"),
        ("x" * 129, "129 characters"),
        ("PassWord123", "list"),
        ("abababab", "repeats"),
        ("alice-marie", "name"),
        ("ALICE-MARIE2024!", "name"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, word: str) -> None:
    assert word in weakness(password, "alice-marie", POLICY)


def test_length_is_enough() -> None:
    for password in ("tr0ubador", "correct horse", "ü" * 7 + "äö", "x1" * 20 + "y"):
        assert weakness(password, "alice", POLICY) == ""


def test_the_list_holds_only_what_length_would_let_pass() -> None:
    assert [word for word in COMMON if len(word) < 8 or word != word.casefold()] == []


def test_the_cost_is_what_is_recommended() -> None:
    cost = HashCost()
    assert (cost.memory_kib, cost.passes, cost.lanes) == (19 * 1024, 2, 1)


async def test_a_hash_is_salted_argon2id() -> None:
    hashing = Hashing(SeededIds(3), HashCost())
    first, second = await hashing.hash(PASSWORD), await hashing.hash(PASSWORD)
    hashing.close()
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_right_and_wrong_and_no_hash() -> None:
    hashing = Hashing(SeededIds(3), CHEAP)
    kept = await hashing.hash(PASSWORD)
    assert await hashing.matches(PASSWORD, kept)
    assert not await hashing.matches(PASSWORD + "x", kept)
    assert not await hashing.matches(PASSWORD, None)
    assert not await hashing.matches(PASSWORD, "no hash at all")
    assert not hashing.is_outdated(kept)
    composed, decomposed = "Br\u00fccke-nach-drueben", "Bru\u0308cke-nach-drueben"
    assert await hashing.matches(decomposed, await hashing.hash(composed))
    hashing.close()
    dearer = Hashing(SeededIds(3), HashCost(memory_kib=128, passes=1))
    assert dearer.is_outdated(kept)
    dearer.close()


async def test_a_flood_waits_in_a_bounded_line_and_the_loop_stays_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashing = Hashing(SeededIds(3), HashCost(memory_kib=64, passes=1, concurrency=2, queue=3))
    kept = await hashing.hash(PASSWORD)
    running, most, gate, lock = 0, 0, threading.Event(), threading.Lock()
    full = threading.Event()
    verify = Hashing._verify

    def held(self: Hashing, password: bytes, hash_: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 2:
                full.set()
        gate.wait(30)
        with lock:
            running -= 1
        return verify(self, password, hash_)

    monkeypatch.setattr(Hashing, "_verify", held)
    flood = [asyncio.create_task(hashing.matches(PASSWORD, kept)) for _ in range(50)]
    done, waiting = await asyncio.wait(flood, return_when=asyncio.FIRST_EXCEPTION)
    while len(done) < 45:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    errors = [each.exception() for each in done]
    assert {error.code for error in errors if isinstance(error, HeliostatError)} == {
        "TooManyRequests"
    }
    assert (len(errors), len(waiting)) == (45, 5)
    assert await asyncio.to_thread(full.wait, 30)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 5
    assert most == 2
    assert hashing.under_way == 0
    hashing.close()
