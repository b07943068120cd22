"""What comes over slapd's socket, hostile parts included, and names and filters as text."""

from __future__ import annotations

import ldap
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory import layout
from heliostat.identity.directory.filter_text import parse as parse_filter
from heliostat.identity.directory.filter_text import spelled
from heliostat.identity.directory.filters import (
    And,
    AtLeast,
    AtMost,
    Equal,
    Filter,
    Not,
    Or,
    Present,
    Substring,
    Undefined,
    evaluate,
)
from heliostat.identity.ldap_face.messages import (
    MalformedRequestError,
    assertion_of,
    attributes_of,
    changes_of,
    dn_of,
    is_complete,
    parse,
)
from heliostat.identity.ldap_face.places import Place, place_of
from heliostat.identity.ldap_face.replies import Code, entry, result

HEAD = (
    b"msgid: 1\nbinddn: \npeername: IP=127.0.0.1:5\nssf: 0\nconnid: 7\nsuffix: dc=a\nsuffix: dc=b\n"
)
names = st.sampled_from(["uid", "cn", "mail", "uidnumber"])
values = st.text(max_size=12)
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Equal, names, values.filter(lambda text: text != "")),
    st.builds(Present, names),
    st.builds(AtLeast, names, values),
    st.builds(AtMost, names, values),
    st.builds(
        Substring,
        names,
        values,
        st.lists(values.filter(bool), min_size=1, max_size=3).map(tuple),
        values,
    ),
    st.just(Undefined()),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


@given(filters)
def test_a_filter_that_is_spelled_is_the_filter_that_is_read(asked: Filter) -> None:
    assert parse_filter(spelled(asked)) == asked


@pytest.mark.parametrize(
    "text",
    [
        "", "(", ")", "()", "(uid)", "(uid=a", "(uid=a))", "(uid=(a)", "(uid=a\\)", "(uid=a\\zz)",
        "(!(a=b)(c=d))", "(!)", "(=a)", "(&(a=b)", "(a b=c)", "(uid=a)(uid=b)",
        "(!" * 40 + "(a=b)" + ")" * 40, "(|" + "(a=b)" * 600 + ")", "(uid=" + "x" * 70_000 + ")",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        parse_filter(text)
    assert caught.value.code == "InvalidFilter"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(uid=ada)", True),
        ("(?uid=ada)", None),
        ("(!(?=undefined))", None),
        ("(|(uid=ada)(?=undefined))", True),
        ("(&(uid=bob)(?=undefined))", False),
        ("(&)", True),
        ("(|)", False),
        ("(memberOf:1.2.840.113556.1.4.1941:=cn=x)", None),
        ("(:dn:2.4.6.8.10:=Ada)", None),
        ("(description=a:=b)", True),
        ("(!(description=a:=b))", False),
        ("(cn=*a*a*)", True),
        ("(cn=ada*ada)", False),
        ("(uid=ad\\61)", True),
        ("(userid=ADA)", True),
        ("(uidNumber=007)", True),
        ("(uidNumber>=abc)", None),
        ("(uidNumber<=8)", True),
    ],
)
def test_filters_have_three_values(text: str, expected: bool | None) -> None:
    held = {"uid": ("ada",), "cn": ("Ada",), "uidnumber": ("7",), "description": ("a:=b",)}
    assert evaluate(parse_filter(text), lambda name: held.get(name, ())) is expected


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=3))
def test_whatever_a_unit_is_called_its_name_is_one_name(units: list[str]) -> None:
    units = [each.replace("/", "|") for each in units]
    dn = layout.dn_of_unit("/".join(units), "acme.example")
    read = layout.parsed(dn)
    assert read is not None
    assert [value for name, value in read if name == "ou"] == list(reversed(units))
    others = [part[0][1] for part in ldap.dn.str2dn(dn) if part[0][0] == "ou"]
    assert others == list(reversed(units))


@pytest.mark.parametrize(
    ("dn", "expected"),
    [
        ("uid=ada,dc=a,dc=b", Place("a.b", "", "uid", "ada")),
        ("UID=Ada, OU=R\\2C D,ou=x,DC=a", Place("a", "x/R, D", "uid", "Ada")),
        ("ou=x,dc=a", Place("a", "x")),
        ("dc=a", Place("a", "")),
        ("uid=a\\00b,dc=a", None),
        ("uid=ada\nbinddn: x,dc=a", None),
        ("uid=ada+cn=x,dc=a", None),
        ("ou=a/b,dc=a", None),
        ("uid=ada", None),
        ("uid=ada,uid=bob,dc=a", None),
        ("cn=config", None),
        ("", None),
        ("," * 50, None),
        ("ou=x," * 2000 + "dc=a", None),
    ],
)
def test_places(dn: str, expected: Place | None) -> None:
    assert place_of(dn) == expected


@pytest.mark.parametrize("password", [b"p", b"", b"a\nbinddn: uid=root", b"a\n\n", b"x" * 9000])
def test_a_password_is_taken_by_its_length(password: bytes) -> None:
    fields = b"dn: uid=ada,dc=a\nmethod: 128\ncredlen: %d\ncred: " % len(password)
    raw = b"BIND\n" + HEAD + fields + password + b"\n\n"
    assert is_complete(raw)
    assert not is_complete(raw[:-1])
    request = parse(raw)
    assert (request.password, request.get("binddn"), dn_of(request)) == (
        password,
        "",
        "uid=ada,dc=a",
    )


def test_a_line_in_a_name_begins_no_field() -> None:
    evil = b"base: ou=x\nbinddn: uid=administrator,dc=a\nscope: 2\nfilter: (uid=*)\n\n"
    with pytest.raises(MalformedRequestError):
        parse(b"SEARCH\n" + HEAD + evil)
    truncated = b"BIND\n" + HEAD + b"dn: uid=ada\nmethod: 128\ncredlen: 9\ncred: pw\n\n"
    assert parse(truncated).password == b""
    with pytest.raises(MalformedRequestError):
        parse(b"HELLO\n\n")


def test_what_follows_a_name() -> None:
    modify = b"dn: uid=ada,dc=a\nreplace: cn\ncn:: w7w=\ncn: b\n-\ndelete: mail\n-\n\n"
    how = [
        (each.how, each.attribute, each.values)
        for each in changes_of(parse(b"MODIFY\n" + HEAD + modify))
    ]
    assert how == [("replace", "cn", ("ü", "b")), ("delete", "mail", ())]
    add = b"dn: uid=new,\n ou=x,dc=a\nobjectClass: top\nobjectClass: person\ncn:: w7\n w=\n\n"
    request = parse(b"ADD\n" + HEAD + add)
    assert dn_of(request) == "uid=new,ou=x,dc=a"
    assert attributes_of(request) == {"objectclass": ("top", "person"), "cn": ("ü",)}
    compare = parse(b"COMPARE\n" + HEAD + b"dn: uid=ada,dc=a\nsurname:: w7w=\n\n")
    assert assertion_of(compare) == ("sn", "ü")


@given(st.dictionaries(st.sampled_from(["cn", "sn"]), st.lists(st.text(), max_size=3)))
def test_no_value_ends_its_line(attributes: dict[str, list[str]]) -> None:
    written = entry("uid=ada,dc=a", attributes)
    assert written.endswith(b"\n\n")
    lines = written[:-2].split(b"\n")
    assert len(lines) == 1 + sum(map(len, attributes.values()))
    assert all(line.partition(b":")[0] in (b"dn", b"cn", b"sn") for line in lines)


def test_a_result_is_one_answer() -> None:
    assert (
        result(Code.OTHER, "two\nRESULT\ncode: 0")
        == b"RESULT\ncode: 80\ninfo: two RESULT code: 0\n\n"
    )
