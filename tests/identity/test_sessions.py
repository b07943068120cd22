"""Refresh tokens: kept, rotated, stolen, ended."""

from __future__ import annotations

import pytest

from heliostat.identity.clients.named import HELIO
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.signin import (
    FOR_THE_API,
    KINDS,
    OTHER_PASSWORD,
    PASSWORD,
    IdentityKit,
    code_of,
    refresh,
    sign_in,
)

pytestmark = pytest.mark.usefixtures("rotating")


async def test_the_same_refresh_token_serves_a_client_that_keeps_it(kit: IdentityKit) -> None:
    first = await sign_in(kit)
    for _ in range(3):
        await kit.clock.advance(3600)
        again = await refresh(kit, first.refresh_token)
        assert again.refresh_token == ""
        assert (await kit.identity.verify(again.access_token)).is_system_admin
    await kit.clock.advance(5 * 3600)
    assert await code_of(refresh(kit, first.refresh_token)) == "InvalidGrant"


async def test_a_rotating_client_gets_a_new_one_and_the_old_ends_the_session(
    kit: IdentityKit,
) -> None:
    first = await sign_in(kit, HELIO)
    second = await refresh(kit, first.refresh_token, HELIO)
    third = await refresh(kit, second.refresh_token, HELIO)
    assert unverified(third.refresh_token)[1]["exp"] == unverified(first.refresh_token)[1]["exp"]
    assert await code_of(refresh(kit, first.refresh_token, HELIO)) == "InvalidGrant"
    assert await code_of(refresh(kit, third.refresh_token, HELIO)) == "InvalidGrant"
    assert await KINDS.tokens.sessions.all(kit.store) == []


async def test_a_refresh_token_belongs_to_its_client(kit: IdentityKit) -> None:
    first = await sign_in(kit)
    assert await code_of(refresh(kit, first.refresh_token, HELIO)) == "InvalidGrant"
    assert await code_of(refresh(kit, first.access_token)) == "InvalidGrant"
    assert await code_of(refresh(kit, "")) == "InvalidGrant"
    await refresh(kit, first.refresh_token)


async def test_a_refresh_may_ask_for_less_but_not_for_more(kit: IdentityKit) -> None:
    first = await sign_in(kit, scope="openid offline_access rs_esxcloud")
    less = await refresh(kit, first.refresh_token, scope="rs_esxcloud")
    assert (less.scope, less.id_token) == ("rs_esxcloud", "")
    more = refresh(kit, first.refresh_token, scope="rs_esxcloud at_groups")
    assert await code_of(more) == "InvalidScope"


async def test_asking_for_too_much_spends_no_token(kit: IdentityKit) -> None:
    first = await sign_in(kit, HELIO, scope="openid offline_access")
    for _ in range(2):
        more = refresh(kit, first.refresh_token, HELIO, scope="rs_esxcloud")
        assert await code_of(more) == "InvalidScope"
    await refresh(kit, first.refresh_token, HELIO)


async def test_a_client_of_the_same_name_does_not_go_on_with_sessions(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    back = ["https://shop.example/"]
    await directory.create_client("shop", back, FOR_THE_API)
    await directory.allow_password_grant("shop", True)
    first = await sign_in(kit, "shop")
    await directory.delete_client("shop")
    assert await code_of(refresh(kit, first.refresh_token, "shop")) == "InvalidClient"
    await kit.clock.advance(1)
    await directory.create_client("shop", back, FOR_THE_API)
    assert await code_of(refresh(kit, first.refresh_token, "shop")) == "InvalidGrant"


async def test_what_changes_for_the_user_ends_the_session(kit: IdentityKit) -> None:
    directory = kit.identity.directory

    async def fresh(password: str) -> str:
        answer = await sign_in(kit, username="alice", password=password)
        return answer.refresh_token

    await directory.create_user("alice", PASSWORD)
    token = await fresh(PASSWORD)
    await directory.set_password("alice", OTHER_PASSWORD)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    token = await fresh(OTHER_PASSWORD)
    await directory.set_disabled("alice", True)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    await directory.set_disabled("alice", False)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    token = await fresh(OTHER_PASSWORD)
    await directory.delete_user("alice")
    await directory.create_user("alice", OTHER_PASSWORD)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"


async def test_a_new_membership_counts_from_the_next_refresh(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    first = await sign_in(kit, username="ALICE", password=PASSWORD)
    await directory.create_group("Ops")
    await directory.add_member("Administrators", "Ops")
    await directory.add_member("Ops", "alice")
    assert not (await kit.identity.verify(first.access_token)).is_system_admin
    again = await refresh(kit, first.refresh_token)
    assert (await kit.identity.verify(again.access_token)).is_system_admin
