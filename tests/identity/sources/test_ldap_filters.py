"""What travels to directories: filters as ldap3 writes them, names, lengths."""

from __future__ import annotations

import contextlib
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.identity.sources.protocol import address, ber, filters
from heliostat.identity.sources.protocol.dn import is_below, is_dn
from heliostat.identity.sources.protocol.filters import BadFilter

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # ldap3's own, of what it stands on
    from ldap3.operation.search import compile_filter, parse_filter
    from ldap3.utils.asn1 import encode


def theirs(text: str) -> bytes:
    """The filter as ldap3 writes it."""
    parsed = parse_filter(text, None, True, True, None, False)
    encoded: bytes = encode(compile_filter(parsed.elements[0]))
    return encoded


@pytest.mark.parametrize(
    "text",
    [
        "(uid=alice)",
        "(cn=*)",
        "(&(objectClass=person)(uid=alice))",
        "(|(a=1)(b=2)(!(c=3)))",
        "(cn=Al*i*ce)",
        "(cn=*end)",
        "(cn=start*)",
        "(age>=5)",
        "(age<=5)",
        "(cn~=alice)",
        "(cn=a\\2ab\\28\\29\\5c)",
        "(cn=\\c3\\a9)",
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(:2.5.13.2:=x)",
        "(2.5.4.3=alice)",
        "(cn;lang-de=Anna)",
        "(&(objectClass=group)(groupType:1.2.840.113556.1.4.803:=2147483648))",
    ],
)
def test_a_filter_is_what_another_library_makes_of_it(text: str) -> None:
    assert filters.parse(text) == theirs(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "uid=alice", "(uid=alice", "(uid=alice))", "(&)", "(|)", "(!(a=1)(b=2))", "()"),
        *("(=x)", "(uid)", "(u id=x)", "(uid=**)", "(uid=\\zz)", "(uid=\\2)", "(cn=a(b)", "(:=x)"),
        *("(" * 200, "(&" * 100 + "(a=1)" + ")" * 100, f"(cn={'x' * 5000})", "(uid>=*)", "(1x=2)"),
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        filters.parse(text)


@given(st.text(max_size=60))
def test_a_value_can_not_become_a_part_of_the_filter(name: str) -> None:
    """Whatever somebody types is one value, with nothing before and behind it."""
    made = ber.Reader(filters.equals("uid", name))
    inside = made.inner(0xA3)
    assert inside.text() == "uid"
    assert inside.take(ber.OCTETS) == name.encode(errors="replace")
    assert not inside.more
    assert not made.more


@given(st.binary(max_size=200))
def test_bytes_from_a_server_are_read_or_malformed(data: bytes) -> None:
    reader = ber.Reader(data)
    with contextlib.suppress(ber.Malformed):
        while reader.more:
            reader.next()


@pytest.mark.parametrize("number", [0, 1, -1, 127, 128, 255, 256, -129, 1 << 31, -(1 << 31)])
def test_a_number_comes_back(number: int) -> None:
    assert ber.Reader(ber.integer(number)).number() == number


@pytest.mark.parametrize(
    ("dn", "base", "below"),
    [
        ("cn=a,dc=corp,dc=example", "dc=corp,dc=example", True),
        ("CN=A , DC=Corp, DC=Example", "dc=corp,dc=example", True),
        ("dc=corp,dc=example", "dc=corp,dc=example", True),
        ("cn=a,dc=example", "dc=corp,dc=example", False),
        ("cn=a,dc=corp,dc=example,dc=net", "dc=corp,dc=example", False),
        ("cn=a\\,dc=corp\\,dc=example", "dc=corp,dc=example", False),
        ("cn=a\\2cdc=corp,dc=example", "dc=corp,dc=example", False),
        ("cn=Last\\, First,dc=corp,dc=example", "dc=corp,dc=example", True),
        ("cn=a,xdc=corp,dc=example", "dc=corp,dc=example", False),
        ("", "dc=corp", False),
        ("cn=a", "", True),
    ],
)
def test_an_entry_lies_below_a_base(dn: str, base: str, below: bool) -> None:
    assert is_below(dn, base) == below


@pytest.mark.parametrize(
    ("text", "is_one"), [("dc=corp", True), ("cn=a+uid=b,dc=c", True), ("corp", False), ("", False)]
)
def test_a_base_is_the_name_of_an_entry(text: str, is_one: bool) -> None:
    assert is_dn(text) == is_one


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ldap://dc1.corp.example", "ldap://dc1.corp.example"),
        ("LDAPS://DC1:636/", "ldaps://dc1"),
        ("ldaps://[::1]:1636", "ldaps://[::1]:1636"),
        ("ldap://host:0", ""),
        ("ldap://host:99999", ""),
        ("ldapi:///", ""),
        ("http://host", ""),
        ("ldap://user@host", ""),
        ("ldap://host/dc=corp", ""),
        ("ldap://ho st", ""),
    ],
)
def test_addresses_are_of_directory_servers(url: str, shown: str) -> None:
    found = address.parse(url)
    assert (str(found) if found is not None else "") == shown
