"""What entries say, when a server is left alone, and how many guesses get through."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.sources import breaker, entries, their_rules
from heliostat.identity.sources.guessing import Guesses, TheirRule, stricter
from heliostat.identity.sources.protocol.messages import Entry, Outcome
from heliostat.identity.sources.source import Source, SourceKind
from heliostat.identity.sources.spelling import Spelled, spelled
from heliostat.testing.signin import KINDS, IdentityKit

AD = Source(id="a", domain="corp.example", kind=SourceKind.ACTIVE_DIRECTORY, urls=())
LDAP = Source(id="l", domain="corp.example", kind=SourceKind.LDAP, urls=())
NOW_MS = 1_800_000_000_000
GUID = uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")


def entry(**attributes: str | bytes) -> Entry:
    found: dict[str, tuple[bytes, ...]] = {
        name.casefold(): (value.encode() if isinstance(value, str) else value,)
        for name, value in attributes.items()
    }
    return Entry("cn=x", found)


def filetime(ms: int) -> str:
    return str((ms + 11_644_473_600_000) * 10_000)


@pytest.mark.parametrize(
    ("source", "attributes", "barred"),
    [
        (AD, {"userAccountControl": "512"}, False),
        (AD, {"userAccountControl": "514"}, True),
        (AD, {"userAccountControl": "66050"}, True),
        (AD, {"userAccountControl": "nonsense"}, False),
        (AD, {"accountExpires": "0"}, False),
        (AD, {"accountExpires": "9223372036854775807"}, False),
        (AD, {"accountExpires": filetime(NOW_MS - 1)}, True),
        (AD, {"accountExpires": filetime(NOW_MS + 1000)}, False),
        (AD, {"lockoutTime": filetime(NOW_MS - 1)}, False),
        (LDAP, {}, False),
        (LDAP, {"pwdAccountLockedTime": "000001010000Z"}, True),
        (LDAP, {"pwdAccountLockedTime": "20260101000000Z"}, False),
        (LDAP, {"nsAccountLock": "TRUE"}, True),
        (LDAP, {"loginDisabled": "false"}, False),
        (LDAP, {"shadowExpire": "1"}, True),
        (LDAP, {"shadowExpire": "-1"}, False),
    ],
)
def test_who_is_barred(source: Source, attributes: dict[str, str], barred: bool) -> None:
    """By somebody's decision; not who is locked by wrong passwords of anybody."""
    assert entries.is_barred(entry(**attributes), source.kind, NOW_MS) == barred


def test_the_stamp_changes_with_password_and_person_and_nothing_else() -> None:
    def stamp(**more: str | bytes) -> str:
        whole: dict[str, str | bytes] = {"sAMAccountName": "Ada", "objectGUID": GUID.bytes_le}
        found = entries.person_in(entry(**{**whole, "pwdLastSet": "1", **more}), AD, NOW_MS)
        assert found is not None
        return found.stamp

    same = stamp()
    assert stamp(mail="new@mail.example", sAMAccountName="Countess") == same
    changed = {stamp(pwdLastSet="2"), stamp(pwdLastSet="0"), stamp(objectGUID=bytes(16)), same}
    assert len(changed) == 4


def test_ids_are_found_again() -> None:
    ad = entries.person_in(entry(sAMAccountName="Ada", objectGUID=GUID.bytes_le), AD, NOW_MS)
    assert ad is not None
    assert (ad.id, ad.name) == (str(GUID), "ada")
    assert entries.id_filter_value(ad.id, AD) == GUID.bytes_le
    for raw, kept in ((b"Abc-1", "abc-1"), (b"\x00\xff", "x-00ff"), (b"x-1", "x-782d31")):
        found = entries.person_in(entry(uid="ada", entryUUID=raw), LDAP, NOW_MS)
        assert found is not None
        assert found.id == kept
        value = entries.id_filter_value(kept, LDAP)
        assert (value.encode() if isinstance(value, str) else value).lower() == raw.lower()


@pytest.mark.parametrize(
    "name", ["", " ada", "ada ", "a\\b", "a@b", "a/b", "a\nb", "a\u202eb", "x" * 257, 'a"b', "a*"]
)
def test_odd_names_are_nobodys(name: str) -> None:
    assert entries.person_in(entry(uid=name, entryUUID="1"), LDAP, NOW_MS) is None


@pytest.mark.parametrize(
    ("name", "usable"),
    [("Cloud Admins", True), ("a,b+c", True), ("DOMAIN\\Administrators", False), ("a\nb", False)],
)
def test_a_group_can_not_be_named_as_another_domains(name: str, usable: bool) -> None:
    assert (entries.group_in(entry(cn=name, entryUUID="1"), LDAP) is not None) == usable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice", Spelled("alice", "", False)),
        ("alice@corp.example", Spelled("alice", "corp.example", True)),
        ("a@b@corp.example", Spelled("a@b", "corp.example", True)),
        ("CORP\\alice", Spelled("alice", "CORP", False)),
        ("CORP\\a@b", Spelled("a@b", "CORP", False)),
    ],
)
def test_names_say_their_domain(text: str, expected: Spelled) -> None:
    assert spelled(text) == expected


def test_a_failing_server_is_left_alone_for_longer_each_time() -> None:
    health, pauses = breaker.WELL, []
    for _ in range(10):
        health = breaker.failed(health, "it burns", NOW_MS)
        pauses.append((health.until_ms - NOW_MS) // 1000)
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300, 300, 300]
    assert not health.may_ask(NOW_MS + 299_999)
    assert health.may_ask(NOW_MS + 300_000)
    later = NOW_MS + 300_000
    assert not breaker.tried(health, 5000, later).may_ask(later)  # one tries, the others wait
    assert breaker.tried(breaker.WELL, 5000, later).may_ask(later)
    assert "it burns; it is left alone for 300 s" in breaker.sentence(health, NOW_MS)
    assert "is asked again next" in breaker.sentence(health, later)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (TheirRule(0, 1800.0), (5, 180.0, 300.0)),
        (TheirRule(10, 1800.0), (5, 1800.0, 1800.0)),
        (TheirRule(3, 1800.0), (2, 1800.0, 1800.0)),
        (TheirRule(1, 60.0), (1, 180.0, 300.0)),
    ],
)
def test_our_rule_stays_below_theirs(theirs: TheirRule, expected: tuple[int, float, float]) -> None:
    rule = stricter(LockoutPolicy(), theirs)
    assert (rule.failures, rule.window_s, rule.locked_s) == expected


@pytest.mark.parametrize(
    ("words", "expired"),
    [
        (
            "80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data 532, v1db1",
            True,
        ),
        ("data 773, v1db1", True),
        ("data 52e, v1db1", False),
        ("data 5321, v1", False),
        ("", False),
    ],
)
def test_an_expired_password_is_told_apart(words: str, expired: bool) -> None:
    assert their_rules.says_expired(Outcome(49, words)) == expired


async def test_no_more_guesses_get_through_than_the_rule_allows(kit: IdentityKit) -> None:
    """Of 60 at once by three controllers; one that nobody was asked about does not count."""
    counters = [Guesses(kit.store, KINDS.attempts, kit.clock) for _ in range(3)]
    rule, asked = LockoutPolicy(), 0

    async def guess(counter: Guesses, *, right: bool = False, asks: bool = True) -> bool:
        nonlocal asked
        async with counter.attempt("s.ada", rule) as attempt:
            if attempt is None:
                return False
            asked += 1
            await asyncio.sleep(0)
            attempt.right, attempt.asked = right, asks
            return True

    for _ in range(20):
        assert await guess(counters[0], asks=False)
    assert await kit.store.get(KINDS.attempts.key("s.ada")) is None
    asked = 0
    await asyncio.gather(*(guess(each) for each in counters for _ in range(20)))
    assert asked == rule.failures
    assert not await guess(counters[0], right=True)
    await kit.clock.advance(rule.locked_s + 1)
    assert await guess(counters[1], right=True)
    assert await kit.store.get(KINDS.attempts.key("s.ada")) is None
