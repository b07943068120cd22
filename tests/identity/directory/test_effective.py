"""Groups that are remembered: read once, and never a moment longer than they are so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from heliostat.cloudstore.contract import Page
from heliostat.cloudstore.views import PassingStore
from heliostat.identity.directory.effective import MOST_GROUPS, EffectiveGroups
from heliostat.identity.directory.part import DirectoryPart
from heliostat.testing.signin import PASSWORD, IdentityKit

DOMAIN = "heliostat.local"
ALICE = "user:alice"


class Counted(PassingStore):
    """How often an index was read."""

    lists = 0

    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        self.lists += 1
        return await super().list(prefix, limit=limit, after=after, at_revision=at_revision)


def named(*groups: str) -> tuple[str, ...]:
    return tuple(f"{DOMAIN}\\{group}" for group in groups)


@pytest.fixture
async def held(kit: IdentityKit) -> tuple[Counted, DirectoryPart]:
    """Alice in ``inner``, which is in ``outer``."""
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    for group in ("inner", "outer"):
        await directory.create_group(group)
    await directory.add_member("inner", "alice")
    await directory.add_member("outer", "inner")
    store = Counted(kit.store)
    return store, DirectoryPart(store, kit.clock, kit.ids, kit.identity.options)


async def test_the_indexes_are_read_once(
    kit: IdentityKit, held: tuple[Counted, DirectoryPart]
) -> None:
    store, part = held
    assert await part.groups_of(ALICE) == named("inner", "outer")
    read = store.lists
    assert read
    await kit.identity.directory.create_user("bob", PASSWORD)  # no group's business
    assert await part.groups_of(ALICE) == named("inner", "outer")
    assert store.lists == read


@pytest.mark.parametrize("how", ["left", "deleted", "above", "unseen"])
async def test_a_change_counts_at_once(
    kit: IdentityKit, held: tuple[Counted, DirectoryPart], how: str
) -> None:
    _, part = held
    directory, groups = kit.identity.directory, kit.identity.directory.kinds.groups
    assert await part.groups_of(ALICE) == named("inner", "outer")
    match how:
        case "left":
            await directory.remove_member("inner", "alice")
            expected = named()
        case "deleted":
            await directory.delete_group("outer")
            expected = named("inner")
        case "above":
            await directory.create_group("top")
            await directory.add_member("top", "outer")
            expected = named("inner", "outer", "top")
        case _:  # by another way than the verbs
            outer = await groups.get(kit.store, "outer")
            assert outer is not None
            emptied = replace(outer.value, members=())
            await kit.store.commit([groups.guard(outer)], groups.put(emptied, outer.value))
            expected = named("inner")
    assert await part.groups_of(ALICE) == expected


async def test_another_tenants_groups_are_its_own(kit: IdentityKit) -> None:
    await kit.identity.tenants.create_tenant("acme.example")
    acme = (await kit.identity.realms.get("acme.example")).directory
    for each in (kit.identity.directory, acme):
        await each.create_user("alice", PASSWORD)
    await kit.identity.directory.create_group("here")
    await kit.identity.directory.add_member("here", "alice")
    assert await kit.identity.directory.groups_of(ALICE) == named("here")
    assert await acme.groups_of(ALICE) == ()


def test_what_is_remembered_counts_for_its_mark_and_is_bounded() -> None:
    known = EffectiveGroups(members=2)
    known.keep("a", ("x",), 1)
    assert (known.of("a", 1), known.of("a", 2), known.of("a", None)) == (("x",), None, None)
    known.keep("b", ("y",), None)
    assert known.of("b", 1) is None
    known.keep("b", ("y",), 1)
    known.keep("c", ("z",), 1)
    assert [known.of(each, 1) for each in "abc"] == [None, ("y",), ("z",)]
    known.keep("d", tuple(map(str, range(MOST_GROUPS + 1))), 1)
    assert known.of("d", 1) is None
    known.keep("a", ("w",), 2)
    assert (known.of("b", 2), known.of("a", 2)) == (None, ("w",))
