"""What makes a password acceptable, and that hashing is bounded."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SeededIds
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.options import HashCost, PasswordPolicy
from heliostat.identity.passwords.strength import COMMON, weakness
from heliostat.testing.signin import CHEAP, PASSWORD, IdentityKit, code_of, sign_in

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
    for password in ("tr0ubador", "correct horse", "ü" * 4 + "äößt", "x1" * 20 + "y"):
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


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("P@ssw0rd!", "common"),
        ("Pa$$w0rd2024", "common"),
        ("--Summer2024!--", "common"),
        ("h3l10stat", "common"),
        ("1qaz2wsx3edc", "walk"),
        ("!QAZ2wsx", "walk"),
        ("asdfjkl;", "walk"),
        ("qwertzuiopü", "walk"),
        ("abcdefgh1234", "walk"),
        ("20240101", "short number"),
        ("abcabcabc", "repeats"),
        ("Acme2024!", "name of"),
        ("@cm3@cm3.example77", ""),
        ("wile-99-rocket", "holds the user's name"),
        ("R0cketfuel!1", "refused here"),
        ("correct horse battery", ""),
        ("k7Gm2pQz", ""),
        ("mango-lantern", ""),
        ("\u202e" * 3 + "äö\0ß€", ""),
    ],
)
def test_first_guesses_are_refused(password: str, why: str) -> None:
    policy = PasswordPolicy(own_words=("Rocketfuel",))
    found = weakness(password, "wile", policy, "acme.example")
    assert why in found if why else not found, found


def test_kinds_of_characters_count_only_where_wanted() -> None:
    assert weakness("mango-lantern", "ada", PasswordPolicy(character_classes=2)) == ""
    found = weakness("mango-lantern", "ada", PasswordPolicy(character_classes=3))
    assert found.startswith("mixes 2 of")
    lax = PasswordPolicy(blocklist=False, name_inside=True)
    assert weakness("qwertyuiop", "wert", lax) == ""


async def test_history_age_and_a_forced_change(kit: IdentityKit) -> None:
    identity = kit.identity
    domain = identity.options.domain
    rules = {"passwords.history": 2, "passwords.maximum_age_days": 30}
    await identity.policies.change_policy(domain, rules)
    directory = await identity.directories.own()
    words = [f"staple number {each} of some" for each in ("one", "two", "three", "four")]
    await directory.create_user("ada", words[0], must_change=True)

    with pytest.raises(HeliostatError) as refused:
        await directory.authenticate("ada", words[0])
    assert refused.value.code == "PasswordChangeNeeded"
    assert "helio password" in (refused.value.hint or "")
    assert await code_of(directory.authenticate("ada", "wrong")) == "InvalidLoginCredentials"
    assert await code_of(sign_in(kit, username="ada", password=words[0])) == "PasswordChangeNeeded"

    change = directory.change_password
    assert await code_of(change("ada", "wrong", words[1])) == "InvalidLoginCredentials"
    assert await code_of(change("ada", words[0], "short")) == "WeakPassword"
    assert await code_of(change("ada", words[0], words[0])) == "WeakPassword"
    before = await kit.store.revision()
    await change("ada", words[0], words[1], plan=True)
    assert await code_of(directory.authenticate("ada", words[1])) == "InvalidLoginCredentials"
    await change(f"ada@{domain}", words[0], words[1])
    assert await kit.store.revision() > before
    stamp = (await directory.authenticate("ada", words[1])).stamp

    for old, new in pairwise(words[1:]):
        await change("ada", old, new)
    assert (await directory.authenticate("ada", words[3])).stamp != stamp
    assert await code_of(change("ada", words[3], words[2])) == "WeakPassword"
    await change("ada", words[3], words[0])  # two others since: it may come again

    await kit.clock.advance(30 * 86_400)
    assert await code_of(directory.authenticate("ada", words[0])) == "PasswordChangeNeeded"
    await change("ada", words[0], words[1] + "!")
    await directory.authenticate("ada", words[1] + "!")


async def test_of_two_changes_at_once_one_counts(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("ada", PASSWORD)
    new = ["mango lantern one more", "mango lantern two more"]
    codes = await asyncio.gather(
        *(code_of(directory.change_password("ada", PASSWORD, each)) for each in new)
    )
    assert sorted(codes) == ["", "InvalidLoginCredentials"]
    await directory.authenticate("ada", new[codes.index("")])
