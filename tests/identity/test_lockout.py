"""Guessing at passwords, under a virtual clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.lockout import after_failure, is_locked
from heliostat.identity.passwords.options import LONGEST_PASSWORD, LockoutPolicy, PasswordPolicy
from heliostat.identity.passwords.records import Attempts
from heliostat.identity.tokens.token_messages import TokenAnswer, TokenRequest
from heliostat.testing.signin import (
    KINDS,
    OPTIONS,
    OTHER_PASSWORD,
    PASSWORD,
    IdentityKit,
    start_identity,
)

POLICY = LockoutPolicy()


async def sign_in(kit: IdentityKit, password: str, user: str = "alice") -> TokenAnswer:
    request = TokenRequest(
        grant_type="password", username=user, password=password, scope="openid rs_esxcloud"
    )
    return await kit.identity.grants.answer(request)


async def refused(kit: IdentityKit, password: str, user: str = "alice") -> str:
    with pytest.raises(HeliostatError) as caught:
        await sign_in(kit, password, user)
    assert caught.value.code == "InvalidLoginCredentials"
    return caught.value.message


async def test_five_failures_lock_for_five_minutes(kit: IdentityKit) -> None:
    await kit.identity.directory.create_user("alice", PASSWORD)
    for _ in range(5):
        await refused(kit, "wrong")
    await refused(kit, PASSWORD)
    await kit.clock.advance(299)
    await refused(kit, PASSWORD)
    await kit.clock.advance(2)
    await sign_in(kit, PASSWORD)


async def test_failures_count_for_three_minutes_and_a_success_clears_them(
    kit: IdentityKit,
) -> None:
    await kit.identity.directory.create_user("alice", PASSWORD)
    for _ in range(4):
        await refused(kit, "wrong")
    await kit.clock.advance(181)
    for _ in range(4):
        await refused(kit, "wrong")
    await sign_in(kit, PASSWORD)
    for _ in range(4):
        await refused(kit, "wrong")
    await sign_in(kit, PASSWORD)


async def test_a_right_guess_among_many_at_once_comes_too_late(
    kit: IdentityKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is locked while the right password is still being hashed."""
    await kit.identity.directory.create_user("alice", PASSWORD)
    matches = Hashing.matches

    async def overtaken(self: Hashing, password: str, kept: str | None) -> bool:
        monkeypatch.setattr(Hashing, "matches", matches)
        for _ in range(5):
            await refused(kit, "wrong")
        return await matches(self, password, kept)

    monkeypatch.setattr(Hashing, "matches", overtaken)
    await refused(kit, PASSWORD)


async def test_many_wrong_guesses_at_once_all_count(kit: IdentityKit) -> None:
    await kit.identity.directory.create_user("alice", PASSWORD)
    await asyncio.gather(*(refused(kit, "wrong") for _ in range(30)))
    await refused(kit, PASSWORD)


async def test_an_administrator_unlocks_at_once(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    for _ in range(5):
        await refused(kit, "wrong")
    await directory.unlock_user("alice")
    await sign_in(kit, PASSWORD)
    for _ in range(5):
        await refused(kit, "wrong")
    await directory.set_password("alice", OTHER_PASSWORD)
    await sign_in(kit, OTHER_PASSWORD)


async def test_unknown_disabled_and_wrong_get_one_answer_after_the_same_work(
    kit: IdentityKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    await directory.create_user("bob", PASSWORD)
    await directory.set_disabled("bob", True)
    hashes: list[str] = []
    verify = Hashing._verify

    def counted(self: Hashing, password: bytes, kept: str) -> bool:
        hashes.append(kept.split("$")[3])
        return verify(self, password, kept)

    monkeypatch.setattr(Hashing, "_verify", counted)
    seen = set()
    for user, password in (
        ("alice", "wrong"),
        ("bob", PASSWORD),
        ("nobody", PASSWORD),
        ("x@elsewhere", PASSWORD),
        ("", PASSWORD),
        ("x" * 9000, PASSWORD),
    ):
        hashes.clear()
        before = await kit.store.revision()
        message = await refused(kit, password, user)
        commits = await kit.store.revision() - before
        seen.add((message, tuple(hashes), commits))
    assert len(seen) == 1
    assert len(next(iter(seen))[1]) == 1


async def test_invented_names_cannot_fill_the_store(kit: IdentityKit) -> None:
    for number in range(40):
        await refused(kit, "wrong", f"invented{number}")
    kept = {each.value.id for each in await KINDS.attempts.all(kit.store)}
    assert all(len(id_) == len("unknown.") + 3 for id_ in kept)
    await kit.clock.advance(600)
    assert await kit.identity.maintain() == len(kept)
    assert await KINDS.attempts.all(kit.store) == []


async def test_a_hash_of_an_older_cost_is_renewed_at_sign_in(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    old = (await directory.stored_user("alice")).value
    dearer = replace(directory.options.hashing, memory_kib=128)
    directory.hashing.close()
    directory.hashing = Hashing(kit.ids, dearer)
    await sign_in(kit, PASSWORD)
    new = (await directory.stored_user("alice")).value
    assert new.password_hash != old.password_hash
    assert "m=128," in new.password_hash
    await sign_in(kit, PASSWORD)


@given(st.lists(st.integers(min_value=0, max_value=200_000), max_size=30))
def test_a_name_is_locked_only_after_five_failures_in_the_window(steps: list[int]) -> None:
    attempts, now_ms, recent = Attempts(id="x"), 0, list[int]()
    for step in steps:
        now_ms += step
        was_locked = is_locked(attempts, now_ms)
        attempts = after_failure(attempts, now_ms, POLICY)
        if was_locked:
            assert is_locked(attempts, now_ms)
            continue
        recent = [at for at in recent if at > now_ms - 180_000] + [now_ms]
        assert is_locked(attempts, now_ms) == (len(recent) >= 5)
        if len(recent) >= 5:
            assert attempts.locked_until_ms == now_ms + 300_000
            recent = []


async def test_a_password_counts_to_its_end(tmp_path: Path) -> None:
    policy = PasswordPolicy(maximum_length=LONGEST_PASSWORD)
    kit = await start_identity(tmp_path / "ca", replace(OPTIONS, passwords=policy))
    longest = ("correct horse " * 300)[:LONGEST_PASSWORD]
    await kit.identity.directory.create_user("alice", longest)
    assert (await sign_in(kit, longest)).access_token
    for other in (longest[:1024], longest[:-1], longest + "x"):
        await refused(kit, other)
    kit.identity.close()
