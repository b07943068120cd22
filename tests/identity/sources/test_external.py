"""A directory elsewhere as a directory: filters by a real slapd, bounds, and what is not done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.filter_text import parse, spelled
from heliostat.identity.directory.filters import (
    And,
    Equal,
    Filter,
    Not,
    Or,
    Present,
    Substring,
    matches,
)
from heliostat.identity.directory.search import EntryKind, Query
from heliostat.identity.external import listing
from heliostat.identity.external.directory import External
from heliostat.identity.external.places import bases, path_of, root_of
from heliostat.identity.external.wider import wider, words_of
from heliostat.identity.names import fold
from heliostat.identity.sources.protocol import ber
from heliostat.identity.sources.source import Source, SourceKind
from heliostat.testing.readable import LDIF, names_found, names_of_entries
from heliostat.testing.signin import PASSWORD, IdentityKit, code_of
from heliostat.testing.small_slapd import BASE, MANAGER, MANAGER_PASSWORD, SmallSlapd, running

DOMAIN = "corp.example"
TWIN = (
    f"dn: cn=Other Alan,ou=people,{BASE}\nobjectClass: inetOrgPerson\ncn: Other Alan\nsn: Alan\n"
    "uid: alan\nmail: o'alan+(x)*\\@acme.example\n\n"
    f"dn: uid=gone,ou=people,{BASE}\nobjectClass: inetOrgPerson\ncn: Zoë Gone\nsn: Gone\n"
    "uid: gone\npwdAccountLockedTime: 000001010000Z\n\n"
    f"dn: cn=mixed,ou=groups,{BASE}\nobjectClass: posixGroup\ncn: mixed\ngidNumber: 7\n"
    "memberUid: alan\n\n"
)
SOURCE = Source(
    id="s", domain=DOMAIN, kind=SourceKind.LDAP, urls=(), people_base=f"ou=people,{BASE}",
    groups_base=f"ou=groups,{BASE}",
)  # fmt: skip


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSlapd]:
    with running(tmp_path_factory.mktemp("slapd"), LDIF + TWIN) as made:
        yield made


@pytest.fixture
def fields(slapd: SmallSlapd) -> dict[str, Any]:
    return {
        "urls": [slapd.tls_url],
        "roots_pem": slapd.roots_pem,
        "people_base": BASE,
        "bind_dn": MANAGER,
        "bind_password": MANAGER_PASSWORD,
        "attributes": {"groupMember": "member, memberUid"},
    }


@pytest.fixture
async def elsewhere(kit: IdentityKit, fields: dict[str, Any]) -> External:
    realm = await kit.identity.realms.get("heliostat.local")
    await realm.sources.create_source(DOMAIN, fields)
    return await realm.sources.directory(DOMAIN)


async def found(directory: External, text: str, **query: object) -> list[str]:
    asked = Query(parse(text), **query)  # type: ignore[arg-type]
    return [entry.name for entry in (await directory.search(asked)).entries]


async def test_what_only_a_directory_elsewhere_has(elsewhere: External) -> None:
    dns = await names_of_entries(elsewhere)
    assert await names_found(elsewhere, f"(entryDN={dns['LOUD']})") == ["Outer"]
    (ada,) = (await elsewhere.search(Query(parse("(uid=ada)")))).entries
    assert await found(elsewhere, f"(entryUUID={ada.attributes['entryUUID'][0].upper()})") == [
        "ada"
    ]
    assert await found(elsewhere, "(accountDisabled=TRUE)") == ["gone"]
    assert (await elsewhere.get_user("gone")).disabled
    assert await found(elsewhere, "(&(uid=*)(!(accountDisabled=TRUE)))") == [
        *("ada", "alan", "alan", "grace")
    ]
    # two of one name are both listed, each once, and neither is whom the name means
    assert await found(elsewhere, "(uid=alan)") == ["alan", "alan"]
    assert await code_of(elsewhere.get_user("alan")) == "UserNotFound"
    assert await found(elsewhere, f"(memberOf=cn=mixed,ou=groups,{BASE})") == ["alan", "alan"]
    assert await found(elsewhere, f"(member=uid=alan,ou=people,{BASE})") == ["mixed"]
    assert (await elsewhere.get_group("mixed")).members == ("alan@corp.example",)
    assert await found(elsewhere, "(member=*)") == ["Inner", "mixed", "Outer"]
    assert await found(elsewhere, "(memberOf=*)") == []
    assert await found(elsewhere, "(createTimestamp>=20200101000000Z)", limit=2) == [
        *("computers", "Engineering")
    ]
    assert await elsewhere.effective_groups("ada@corp.example") == {
        "CORP.EXAMPLE\\ada", "CORP.EXAMPLE\\Inner", "CORP.EXAMPLE\\Outer",
    }  # fmt: skip
    assert await elsewhere.effective_groups("nobody") == frozenset()


async def test_the_groups_filter_and_the_words_of_a_source_count(
    kit: IdentityKit, elsewhere: External, fields: dict[str, Any]
) -> None:
    sources = (await kit.identity.realms.get("heliostat.local")).sources
    words = {"name": "cn", "email": "uid", "groupMember": "member"}
    bases_ = {"people_base": f"ou=people,{BASE}", "groups_base": f"ou=groups,{BASE}"}
    change = {**bases_, "groups_filter": "(cn=o*)", "attributes": words, "nested": False}
    await sources.update_source(DOMAIN, change)
    changed = await sources.directory(DOMAIN)
    assert changed is not elsewhere
    assert await found(changed, "(objectClass=groupOfNames)") == ["Outer"]
    assert await found(changed, "(uid=other alan)") == ["other alan"]
    assert await found(changed, "(mail=alan)") == ["alan", "other alan"]
    assert [each.path for each in await changed.list_units()] == ["groups", "people"]
    assert await found(changed, "(objectClass=*)", base="people") == [
        *("people", "alan", "other alan", "zoë gone")
    ]
    assert await found(changed, "(objectClass=*)", base="groups") == ["groups", "Outer"]


async def test_nothing_is_written_and_people_still_sign_in(
    elsewhere: External, slapd: SmallSlapd
) -> None:
    directory: Directory = elsewhere
    for attempt in (
        directory.create_user("eve", PASSWORD),
        directory.set_password("ada", PASSWORD),
        directory.delete_group("Inner"),
        directory.add_member("Inner", "grace"),
        directory.create_unit("x"),
        directory.delete_computer("web01"),
        directory.move(EntryKind.USER, "ada", "people"),
    ):
        assert await code_of(attempt) == "DirectoryReadOnly"
    assert await code_of(directory.account("robot")) == "ServiceAccountNotFound"
    slapd.change(
        f"dn: uid=grace,ou=Engineering,{BASE}\nchangetype: modify\nreplace: userPassword\n"
        "userPassword: counts stars\n"
    )
    grace = await directory.authenticate("grace@corp.example", "counts stars")
    assert await directory.person(grace.key) == grace
    assert await code_of(directory.authenticate("grace", "wrong")) == "InvalidLoginCredentials"
    assert await code_of(directory.authenticate("grace@else.where", "x")) == (
        "InvalidLoginCredentials"
    )


async def test_too_much_is_refused_in_words(
    elsewhere: External, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as few:
        few.setattr(listing, "MOST", 3)
        for asked in (Query(kinds=frozenset({EntryKind.USER})), Query(parse("(!(mail=x))"))):
            with pytest.raises(HeliostatError) as refused:
                await elsewhere.search(asked)
            assert refused.value.code == "TooManyEntries"
        assert await found(elsewhere, "(uid=ada)") == ["ada"]
    assert len(await found(elsewhere, "(uid=*)")) == 5


async def test_a_source_that_can_not_be_asked_says_why(
    kit: IdentityKit, elsewhere: External, fields: dict[str, Any]
) -> None:
    sources = (await kit.identity.realms.get("heliostat.local")).sources
    for change, why in (
        ({"urls": ["ldaps://127.0.0.1:9"]}, "connection refused"),
        ({"people_base": "ou=nobody,dc=corp,dc=example"}, "no entry where its people"),
        ({"bind_password": "wrong"}, "name or password is wrong"),
    ):
        await sources.update_source(DOMAIN, {**fields, **change})
        for _ in range(3):
            with pytest.raises(HeliostatError) as refused:
                await (await sources.directory(DOMAIN)).search(Query())
            assert refused.value.code == "SourceUnavailable"
            assert why in refused.value.message
    await sources.update_source(DOMAIN, fields)
    assert await found(await sources.directory(DOMAIN), "(uid=ada)") == ["ada"]
    assert await code_of(sources.directory("nowhere.example")) == "SourceNotFound"


_NAMES = st.sampled_from(
    ["uid", "cn", "sn", "mail", "displayname", "uidnumber", "objectclass", "description", "nothing",
     "entryuuid", "createtimestamp", "accountdisabled", "loginshell"]
)  # fmt: skip
_VALUES = st.one_of(
    st.sampled_from(["ada", "ALAN", "Ada Lovelace", "zoe gone", "zoë gone", "person", "1900000001",
                     "posixAccount", "o'alan+(x)*\\@acme.example", "TRUE", "*", ")(uid=*", ""]),
    st.text(max_size=6),
)  # fmt: skip
_PARTS = st.sampled_from(["", "a", "al", "love", " ", "ë", "*", ")", "@"])
_LEAVES = st.one_of(
    st.builds(Equal, _NAMES, _VALUES),
    st.builds(Present, _NAMES),
    st.builds(Substring, _NAMES, _PARTS, st.tuples(_PARTS), _PARTS),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda some: And(tuple(some)), st.lists(inner, max_size=3)),
        st.builds(lambda some: Or(tuple(some)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


async def test_a_filter_finds_there_what_it_finds_here(elsewhere: External) -> None:
    """What a server is asked holds all that the filter is true of, whatever the filter."""
    users = frozenset({EntryKind.USER})
    everybody = (await elsewhere.search(Query(kinds=users, limit=1000))).entries
    loop = asyncio.get_running_loop()

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(FILTERS)
    def judged(asked: Filter) -> None:
        expected = [
            each.dn
            for each in everybody
            if matches(
                asked,
                lambda name, own=each: next(  # type: ignore[misc]
                    (v for key, v in own.attributes.items() if fold(key) == name), ()
                ),
            )
        ]
        query = Query(asked, kinds=users, limit=1000)
        told = asyncio.run_coroutine_threadsafe(elsewhere.search(query), loop).result(20)
        assert [each.dn for each in told.entries] == expected, spelled(asked)

    await asyncio.to_thread(judged)


@given(st.sampled_from(["uid", "mail", "sn"]), st.text(min_size=1, max_size=40))
def test_a_value_stays_a_value(name: str, value: str) -> None:
    sent = wider(Equal(name, value), words_of(SOURCE, EntryKind.USER))
    if isinstance(sent, bool):
        assert not value.strip()
        return
    reader = ber.Reader(sent)
    inside = reader.inner(0xA3)
    assert inside.text() == {"uid": "uid", "mail": "mail", "sn": "sn"}[name]
    inside.take(ber.OCTETS)
    assert not inside.more
    assert not reader.more


@given(FILTERS)
def test_what_is_sent_is_one_filter(asked: Filter) -> None:
    sent = wider(asked, words_of(SOURCE, EntryKind.USER))
    if not isinstance(sent, bool):
        reader = ber.Reader(sent)
        tag, _ = reader.next()
        assert tag in {0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87}
        assert not reader.more


def test_places() -> None:
    assert root_of(SOURCE) == BASE
    assert bases(SOURCE) == [SOURCE.people_base, SOURCE.groups_base]
    assert path_of(f"OU=R\\2cD,ou=a/b,{BASE}", BASE) == "a\\2fb/R,D"
    assert path_of(BASE.upper(), BASE) == ""
