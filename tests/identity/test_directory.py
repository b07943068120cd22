"""The verbs on people, groups and service accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from heliostat.cloudstore.contract import Change, Document, Guard, Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.views import PassingStore
from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.part import DirectoryPart
from heliostat.testing.signin import KINDS, OTHER_PASSWORD, PASSWORD, IdentityKit, new_key_pair

DOMAIN = "heliostat.local"


async def test_a_user_is_found_in_every_spelling_of_the_name(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    made = await directory.create_user("Alice", PASSWORD, given_name="Alice", email="a@b.c")
    assert made.subject == f"alice@{DOMAIN}"
    for spelling in ("alice", "ALICE", f"alice@{DOMAIN}", f"{DOMAIN.upper()}\\alice"):
        assert await directory.get_user(spelling) == made
    for foreign in ("alice@elsewhere", "elsewhere\\alice", "", "bob"):
        with pytest.raises(HeliostatError) as caught:
            await directory.get_user(foreign)
        assert caught.value.code == "UserNotFound"


async def test_only_the_hash_is_kept(kit: IdentityKit) -> None:
    await kit.identity.directory.create_user("alice", PASSWORD)
    document = await kit.store.get(KINDS.directory.users.key("alice"))
    assert document is not None
    assert PASSWORD.encode() not in document.value
    assert b"$argon2id$" in document.value
    administrator = await kit.store.get(KINDS.directory.users.key("administrator"))
    assert administrator is not None
    assert kit.admin_password.encode() not in administrator.value


@pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "ä", "a" * 64, "a\\b", "x@elsewhere"])
async def test_bad_names_are_refused(kit: IdentityKit, name: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        await kit.identity.directory.create_user(name, PASSWORD)
    assert caught.value.code == "InvalidName"


async def test_users_groups_and_accounts_share_one_name_space(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    await directory.create_group("Ops")
    await directory.create_service_account("robot", new_key_pair()[1])
    for name in ("Alice", "OPS", "Robot", "helio"):
        with pytest.raises(HeliostatError) as caught:
            await directory.create_user(name, PASSWORD)
        assert caught.value.code == "UserExists"
        with pytest.raises(HeliostatError) as caught:
            await directory.create_group(name)
        assert caught.value.code == "GroupExists"
        with pytest.raises(HeliostatError) as caught:
            await directory.create_service_account(name, new_key_pair()[1])
        assert caught.value.code == "NameTaken"


async def test_of_two_creators_of_one_name_one_wins(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    done = await asyncio.gather(
        directory.create_user("twin", PASSWORD),
        directory.create_user("twin", OTHER_PASSWORD),
        return_exceptions=True,
    )
    failures = [each for each in done if isinstance(each, HeliostatError)]
    assert [failure.code for failure in failures] == ["UserExists"]


async def test_a_plan_changes_nothing(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    await directory.create_group("Ops")
    await directory.create_service_account("robot", new_key_pair()[1])
    await directory.add_member("Ops", "alice")
    before = await kit.store.revision()
    assert (await directory.create_user("bob", PASSWORD, plan=True)).name == "bob"
    assert (await directory.set_password("alice", OTHER_PASSWORD, plan=True)).name == "alice"
    assert (await directory.set_disabled("alice", True, plan=True)).disabled
    assert (await directory.delete_user("alice", plan=True)).name == "alice"
    assert (await directory.create_group("Devs", plan=True)).name == "Devs"
    planned = await directory.add_member("Ops", "robot", plan=True)
    assert planned.members == (f"robot@{DOMAIN}", f"alice@{DOMAIN}")
    assert (await directory.remove_member("Ops", "alice", plan=True)).members == ()
    assert (await directory.delete_group("Ops", plan=True)).name == "Ops"
    account = await directory.create_service_account("r2", new_key_pair()[1], ["Ops"], plan=True)
    assert account.groups == (f"{DOMAIN}\\Ops",)
    assert (await directory.delete_service_account("robot", plan=True)).name == "robot"
    assert await kit.store.revision() == before


async def test_a_plan_refuses_what_the_change_would_refuse(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    for attempt, code in (
        (directory.create_user("administrator", PASSWORD, plan=True), "UserExists"),
        (directory.create_user("bob", "short", plan=True), "WeakPassword"),
        (directory.delete_user("nobody", plan=True), "UserNotFound"),
        (directory.delete_group("Administrators", plan=True), "InvalidOperation"),
        (directory.add_member("Administrators", "nobody", plan=True), "UserNotFound"),
        (directory.create_service_account("r", "no key", plan=True), "InvalidEntity"),
    ):
        with pytest.raises(HeliostatError) as caught:
            await attempt
        assert caught.value.code == code


async def test_groups_hold_groups_and_circles_are_refused(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    for name in ("A", "B", "C"):
        await directory.create_group(name)
    await directory.add_member("C", "alice")
    await directory.add_member("B", "C")
    await directory.add_member("A", f"{DOMAIN}\\B")
    assert (await directory.get_user("alice")).groups == tuple(
        f"{DOMAIN}\\{name}" for name in ("A", "B", "C")
    )
    assert await directory.effective_groups(f"alice@{DOMAIN}") == {
        f"{DOMAIN}\\{name}" for name in ("A", "B", "C", "alice")
    }
    for parent, child in (("C", "A"), ("B", "A"), ("A", "A")):
        with pytest.raises(HeliostatError) as caught:
            await directory.add_member(parent, child)
        assert caught.value.code == "CyclicGroups"
        assert " > " in caught.value.message


async def test_two_memberships_cannot_close_a_circle_together(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_group("A")
    await directory.create_group("B")
    done = await asyncio.gather(
        directory.add_member("A", "B"), directory.add_member("B", "A"), return_exceptions=True
    )
    codes = [each.code for each in done if isinstance(each, HeliostatError)]
    assert codes == ["CyclicGroups"]


async def test_whoever_is_deleted_leaves_no_membership_to_inherit(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    await directory.add_member("Administrators", "alice")
    await directory.delete_user("alice")
    assert (await directory.create_user("alice", PASSWORD)).groups == ()
    assert (await directory.get_user("alice")).groups == ()


async def test_a_member_deleted_meanwhile_is_not_added(
    kit: IdentityKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    commit = MemoryStore.commit

    async def deleting_first(
        self: MemoryStore, guards: Sequence[Guard], changes: Sequence[Change]
    ) -> int:
        monkeypatch.setattr(MemoryStore, "commit", commit)
        await directory.delete_user("alice")
        return await commit(self, guards, changes)

    monkeypatch.setattr(MemoryStore, "commit", deleting_first)
    with pytest.raises(HeliostatError) as caught:
        await directory.add_member("Administrators", "alice")
    assert caught.value.code == "UserNotFound"
    assert (await directory.get_group("Administrators")).members == (f"administrator@{DOMAIN}",)


async def test_deleting_a_group_takes_it_out_of_others(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_group("Inner")
    await directory.create_group("Outer")
    await directory.add_member("Outer", "Inner")
    await directory.delete_group("Inner")
    assert (await directory.get_group("Outer")).members == ()


async def test_what_is_built_in_stays(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    for attempt in (
        directory.delete_user("administrator"),
        directory.delete_group("Administrators"),
    ):
        with pytest.raises(HeliostatError) as caught:
            await attempt
        assert caught.value.code == "InvalidOperation"
    assert (await directory.get_group("Administrators")).built_in


async def test_service_accounts_keep_only_a_public_p256_key(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_group("Robots")
    private, public = new_key_pair()
    made = await directory.create_service_account("ci", public, [f"{DOMAIN}\\Robots"])
    assert (made.client_id, made.groups) == ("ci", (f"{DOMAIN}\\Robots",))
    assert await directory.list_service_accounts() == [made]
    for wrong in (private, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(HeliostatError) as caught:
            await directory.create_service_account("x", wrong)
        assert caught.value.code == "InvalidEntity"
    with pytest.raises(HeliostatError) as caught:
        await directory.create_service_account("x", public, ["Nobody"])
    assert caught.value.code == "GroupNotFound"
    await directory.delete_service_account("ci")
    assert (await directory.get_group("Robots")).members == ()
    with pytest.raises(HeliostatError) as caught:
        await directory.get_service_account("helio")
    assert caught.value.code == "ServiceAccountNotFound"


async def test_lists_are_sorted_and_whole(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    for name in ("carol", "bob"):
        await directory.create_user(name, PASSWORD)
    assert [user.name for user in (await directory.page_users(limit=9)).items] == [
        "administrator",
        "bob",
        "carol",
    ]
    assert [group.name for group in (await directory.page_groups(limit=9)).items] == [
        "Administrators"
    ]


async def test_the_first_start_happens_once(kit: IdentityKit) -> None:
    assert len(kit.admin_password) >= 20
    assert kit.admin_password.isalnum()
    assert await kit.identity.start() is None


class Busy(PassingStore):
    """A store that others write to between any two reads."""

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
        await self._store.commit([], [Put("/v1/elsewhere/x", b"{}")])
        return await super().get(key, at_revision=at_revision)


async def test_groups_are_found_however_much_is_written_meanwhile(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    for inner, outer in (("user", "a"), ("a", "b"), ("b", "c")):
        await directory.create_group(outer)
        await directory.add_member(outer, "alice" if inner == "user" else inner)
    busy = DirectoryPart(Busy(kit.store), kit.clock, kit.ids, kit.identity.options)
    assert await busy.groups_of("user:alice") == tuple(f"{DOMAIN}\\{name}" for name in "abc")
