"""What is read of Kerberos messages: bounded, and wrong input is told in one way."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.kerberos import der, messages, tickets
from heliostat.identity.kerberos.messages import ErrorCode, KdcRequest, Kind


def request(kind: Kind, client: str = "ada", service: str = "HTTP/web.test") -> bytes:
    """A request for a ticket, with a ticket and an authenticator that are none."""
    sealed = der.sequence((0, der.integer(20)), (1, der.integer(1)), (2, der.octets(b"x" * 60)))
    body = der.sequence(
        (0, der.tagged(der.BITS, bytes(5))),
        (1, messages.encoded_name(client)),
        (2, der.text("A.TEST")),
        (3, messages.encoded_name(service)),
    )
    ticket = der.tagged(
        der.APPLICATION + 1,
        der.sequence(
            (0, der.integer(5)),
            (1, der.text("A.TEST")),
            (2, messages.encoded_name("krbtgt/A.TEST")),
            (3, sealed),
        ),
    )
    shown = der.tagged(
        der.APPLICATION + Kind.AP_REQUEST,
        der.sequence(
            (0, der.integer(5)),
            (1, der.integer(14)),
            (2, der.tagged(der.BITS, bytes(5))),
            (3, ticket),
            (4, sealed),
        ),
    )
    padata = der.sequence_of([der.sequence((1, der.integer(1)), (2, der.octets(shown)))])
    fields = ((1, der.integer(5)), (2, der.integer(kind)), (3, padata), (4, body))
    return der.tagged(der.APPLICATION + kind, der.sequence(*fields))


def test_what_is_read_is_what_was_written() -> None:
    read = messages.kdc_request(request(Kind.TGS_REQUEST))
    assert (read.client, read.service, read.realm) == ("ada", "HTTP/web.test", "A.TEST")
    shown = tickets.ap_request(read.shown)
    assert (shown.service, shown.ticket.kind, shown.ticket.version) == ("krbtgt/A.TEST", 20, 1)
    assert messages.kdc_request(request(Kind.AS_REQUEST)) == KdcRequest(
        Kind.AS_REQUEST, "A.TEST", "ada", "HTTP/web.test", has_preauthentication=True
    )
    told = messages.error(ErrorCode.CLIENT_REVOKED, "A.TEST", "krbtgt/A.TEST", 1_700_000_000_123)
    assert messages.error_code(told) == ErrorCode.CLIENT_REVOKED
    assert messages.error_code(request(Kind.AS_REQUEST)) is None
    for number in (0, 1, 127, 128, 255, 256, -1, 2**31 - 1):
        assert der.value(der.integer(number)).integer() == number
    for size in (0, 127, 128, 255, 256, 70_000):
        assert der.value(der.octets(bytes(size))).octets() == bytes(size)


def test_odd_names() -> None:
    with pytest.raises(HeliostatError):
        messages.kdc_request(request(Kind.AS_REQUEST, "a/b/c/d/e/f/g/h/i"))
    slash = der.sequence((0, der.integer(1)), (1, der.sequence_of([der.text("krbtgt/A.TEST")])))
    with pytest.raises(HeliostatError):
        messages.principal_name(der.value(slash))


def test_fields_that_libraries_read_in_different_ways() -> None:
    name = [messages.encoded_name(each) for each in ("ada", "eve")]
    twice = der.sequence((1, name[0]), (1, name[1]))
    backwards = der.sequence((2, name[0]), (1, name[1]))
    more = der.tagged(der.SEQUENCE, der.tagged(der.CONTEXT + 1, name[0] + name[1]))
    for raw in (twice, backwards, more):
        with pytest.raises(HeliostatError):
            der.value(raw).fields()


def test_whatever_comes_is_read_or_refused() -> None:
    """Bytes changed, cut off and put in: nothing but the one kind of error comes of it."""
    chance = random.Random(5)
    whole = request(Kind.TGS_REQUEST)
    shown = messages.kdc_request(whole).shown
    codes: set[str] = set()
    for read, raw in ((messages.kdc_request, whole), (tickets.ap_request, shown)):
        for _ in range(3_000):
            changed = bytearray(raw)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(changed))
                match chance.randrange(3):
                    case 0:
                        changed[at] = chance.randrange(256)
                    case 1:
                        del changed[at:]
                        changed += b"\x00"
                    case _:
                        changed[at:at] = chance.randbytes(3)
            codes.add(_code_of(read, bytes(changed)))
    assert codes == {"", "InvalidEntity", "KerberosRefused"}


def _code_of(read: Callable[[bytes], object], raw: bytes) -> str:
    try:
        read(raw)
    except HeliostatError as error:
        return error.code
    return ""
