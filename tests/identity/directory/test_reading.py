"""What can be read of every directory, also of one elsewhere."""

from __future__ import annotations

from heliostat.identity.directory.contract.reading import ReadableDirectory
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.search import EntryKind, Query
from heliostat.testing.readable import NAMES, NUMBERED, SEARCHES, names_found, names_of_entries
from heliostat.testing.signin import code_of


async def test_searches_find_the_same_everywhere(readable: ReadableDirectory) -> None:
    dns = await names_of_entries(readable)
    for text, query, expected in (*SEARCHES, *NUMBERED):
        asked = text.format(**dns)
        assert await names_found(readable, asked, **query) == expected, asked
    assert await code_of(readable.search(Query(base="nowhere"))) == "UnitNotFound"
    assert await code_of(readable.search(Query(after="made up"))) == "PageExpired"


async def test_entries_say_the_same_everywhere(readable: ReadableDirectory) -> None:
    dns = await names_of_entries(readable)
    asked = Query(parse("(uid=ada)"), attributes=frozenset({"memberof", "mail", "entryuuid"}))
    (ada,) = (await readable.search(asked)).entries
    assert (ada.kind, ada.name, ada.dn) == (EntryKind.USER, "ada", dns["ada"])
    assert ada.attributes["memberOf"] == (dns["Inner"], dns["Outer"])
    assert ada.attributes["mail"] == ("Ada@acme.example",)
    assert "cn" not in ada.attributes
    (again,) = (await readable.search(Query(parse("(uid=ada)")))).entries
    assert again.attributes["entryUUID"] == ada.attributes["entryUUID"]
    assert again.attributes["cn"] == ("Ada Lovelace",)
    assert "person" in again.attributes["objectClass"]


async def test_pages_hold_everything_once(readable: ReadableDirectory) -> None:
    everything = [each.name for each in (await readable.search(Query(limit=1000))).entries]
    for limit in (1, 3, 7):
        names: list[str] = []
        after = ""
        while True:
            page = await readable.search(Query(limit=limit, after=after))
            assert len(page.entries) <= limit
            names += [each.name for each in page.entries]
            after = page.after
            if not after:
                break
        assert names == everything
    assert set(everything) >= NAMES


async def test_people_groups_and_machines_are_listed_and_found(
    readable: ReadableDirectory,
) -> None:
    names: list[str] = []
    after = ""
    while True:
        page = await readable.page_users(limit=2, after=after)
        names += [each.name for each in page.items]
        after = page.after
        if not after:
            break
    assert [each for each in names if each in NAMES] == ["ada", "alan", "grace"]
    assert [each.name for each in (await readable.page_users(limit=9, name="ADA")).items] == ["ada"]
    assert not (await readable.page_users(limit=9, name="ada@else.where")).items
    ada = await readable.get_user("ADA")
    assert (ada.unit, ada.given_name, ada.family_name) == ("Engineering/R&D", "Ada", "Lovelace")
    domain = ada.subject.partition("@")[2]
    assert [each.rpartition("\\")[2] for each in ada.groups] == ["Inner", "Outer"]
    assert (await readable.get_user(ada.subject)).name == "ada"
    assert (await readable.get_user(f"{domain.upper()}\\ada")).name == "ada"
    inner = await readable.get_group("inner")
    assert (inner.members, inner.unit) == ((ada.subject,), "groups")
    assert (await readable.get_group("Outer")).members == (inner.security_group,)
    groups = [each.name for each in (await readable.page_groups(limit=100)).items]
    assert [each for each in groups if each in NAMES] == ["Inner", "Outer"]
    machines = [each.name for each in (await readable.page_computers(limit=100)).items]
    assert [each for each in machines if each in NAMES] == ["web01", "web02"]
    assert (await readable.get_computer("WEB02")).unit == "Engineering"
    assert (await readable.get_unit("engineering/r&d")).path == "Engineering/R&D"
    paths = [each.path for each in await readable.list_units() if each.name in NAMES]
    assert paths == ["computers", "Engineering", "Engineering/R&D", "groups", "people"]
    for missing, code in (
        (readable.get_user("nobody"), "UserNotFound"),
        (readable.get_user("ada@else.where"), "UserNotFound"),
        (readable.get_group("ada"), "GroupNotFound"),
        (readable.get_computer("web03"), "ComputerNotFound"),
        (readable.get_unit("nowhere"), "UnitNotFound"),
    ):
        assert await code_of(missing) == code
