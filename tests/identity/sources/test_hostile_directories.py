"""Servers that say nothing, drip, lie, drop or flood: each ends in a sentence, within the time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from heliostat.core.clock import SystemClock
from heliostat.identity.reach.gate import Gate
from heliostat.identity.sources import lookup
from heliostat.identity.sources.credentials import Credentials
from heliostat.identity.sources.protocol import address, ber, messages
from heliostat.identity.sources.protocol.connection import Connection, Refused, TooMany
from heliostat.identity.sources.protocol.filters import parse
from heliostat.identity.sources.protocol.messages import Search
from heliostat.identity.sources.protocol.reach import LONGEST_MESSAGE, Link, Unreachable, resolve
from heliostat.identity.sources.protocol.trust import tls_context
from heliostat.identity.sources.servers import Servers
from heliostat.identity.sources.source import Source, SourceKind
from heliostat.testing.server_certificate import certify
from heliostat.testing.signin import LOOPBACK

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMEOUT_S = 0.4
BASE = "dc=corp,dc=example"
SOURCE = Source(
    id="s", domain="corp.example", kind=SourceKind.LDAP, urls=(), people_base=f"ou=people,{BASE}"
)
OPEN = Gate(LOOPBACK)
ANYBODY = Search(BASE, parse("(uid=alice)"), ("uid",), limit=3)


@asynccontextmanager
async def served(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback; what it still does at the end is cancelled."""
    under_way: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        under_way.add(task)
        try:
            await task
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await server.wait_closed()
        await asyncio.sleep(0)


async def test_what_was_asked_when_a_source_was_dropped_leaves_nothing_open() -> None:
    asked, dropped = asyncio.Event(), asyncio.Event()

    async def question(connection: Connection) -> Connection:
        asked.set()
        await dropped.wait()
        return connection

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with served(silent) as port:
        source = msgspec.structs.replace(SOURCE, urls=(f"ldap://127.0.0.1:{port}",), plain=True)
        servers = Servers(source, Credentials(), SystemClock(), OPEN)
        under_way = asyncio.ensure_future(servers.ask(question))
        await asked.wait()
        servers.close()
        dropped.set()
        assert (await under_way).broken


def link_to(port: int, tls: ssl.SSLContext | None = None, scheme: str = "ldap") -> Link:
    found = address.parse(f"{scheme}://127.0.0.1:{port}")
    assert found is not None
    return Link(found, tls, TIMEOUT_S, OPEN)


def answer(number: int, tag: int, *content: bytes) -> bytes:
    return ber.sequence(ber.integer(number), ber.sequence(*content, tag=tag))


def outcome(number: int, tag: int, code: int, words: str = "") -> bytes:
    content = (ber.integer(code, ber.ENUMERATED), ber.octets(""), ber.octets(words))
    return answer(number, tag, *content)


def entry(number: int, dn: str, **attributes: str) -> bytes:
    listed = [
        ber.sequence(ber.octets(name), ber.sequence(ber.octets(value), tag=ber.SET))
        for name, value in attributes.items()
    ]
    return answer(number, messages.Answer.ENTRY, ber.octets(dn), ber.sequence(*listed))


ENTRY = {"uid": "alice", "entryUUID": "11111111-2222-3333-4444-555555555555"}
DONE = outcome(2, messages.Answer.DONE, 0)
ENTRIES = b"".join(entry(2, f"uid=alice{n},{BASE}", **ENTRY) for n in range(10))


def saying(*pieces: bytes, then_close: bool = True) -> Serve:
    """A server that answers the first request with these pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then_close:
            writer.close()
        else:
            await asyncio.sleep(3600)

    return serve


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: each comes in time, all of them never."""
    await reader.read(1024)
    for byte in DONE * 1000:
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers without end."""
    await reader.read(1024)
    while True:
        writer.write(answer(2, messages.Answer.REFERENCE, ber.octets("ldap://elsewhere")) * 1000)
        await writer.drain()


HUGE = b"\x30\x84\x7f\xff\xff\xff"
DEEP = answer(2, messages.Answer.ENTRY, ber.octets("cn=a"), b"\x30\x84\x7f\xff\xff\xff")
CRAMMED = answer(
    2,
    messages.Answer.ENTRY,
    ber.octets("cn=a"),
    ber.sequence(ber.sequence(ber.octets("uid"), ber.sequence(tag=ber.SET)) * 90_000),
)
"""Within the longest message, but an entry of more parts than anybody asked for."""
NOTICE = outcome(0, messages.Answer.EXTENDED, 52, "going down")


@pytest.mark.parametrize(
    ("serve", "why"),
    [
        (saying(then_close=False), "did not answer in 0.4 s"),
        (drip, "did not answer in 0.4 s"),
        (flood, "did not answer in 0.4 s"),
        (saying(CRAMMED), "more than 4000 values"),
        (saying(), "ended the connection"),
        (saying(DONE[:-3]), "ended the connection"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak LDAP"),
        (saying(HUGE), f"when {LONGEST_MESSAGE} are too many"),
        (saying(b"\x30\x80\x00\x00"), "indefinite"),
        (saying(b"\x30\x89" + b"\xff" * 9), "too long"),
        (saying(DEEP), "goes on beyond its end"),
        (saying(b"\x30\x00"), "an element is missing"),
        (saying(outcome(7, messages.Answer.DONE, 0)), "an answer to something else"),
        (saying(outcome(2, messages.Answer.BOUND, 0)), "an answer to something else"),
        (saying(answer(2, 0x7F)), "unknown kind"),
        (saying(NOTICE), "going down"),
    ],
)
async def test_a_server_that_does_not_answer_properly(serve: Serve, why: str) -> None:
    async with served(serve) as port:
        connection = await Connection.open(link_to(port))
        with pytest.raises(Unreachable, match=why):
            await connection.search(ANYBODY)
        assert connection.broken
        with pytest.raises(Unreachable, match="is closed"):
            await connection.search(ANYBODY)
        await connection.close()


@pytest.mark.parametrize(
    ("said", "error", "why"),
    [
        (ENTRIES + DONE, TooMany, "more than 3"),
        (outcome(2, messages.Answer.DONE, 10), Refused, "another server is named"),
        (outcome(2, messages.Answer.DONE, 32, "gone"), Refused, "no such entry .gone."),
        (entry(2, "cn=a", a="b") + outcome(2, messages.Answer.DONE, 4), TooMany, "at once"),
    ],
)
async def test_answers_that_are_no_use(said: bytes, error: type[Exception], why: str) -> None:
    async with served(saying(said, then_close=False)) as port:
        connection = await Connection.open(link_to(port))
        with pytest.raises(error, match=why):
            await connection.search(ANYBODY)
        await connection.close()


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"dn": f"uid=alice,ou=admins,{BASE}"}, "which is not below ou=people"),
        ({"dn": f"uid=alice\\,ou=people\\,{BASE},dc=evil"}, "which is not below ou=people"),
        ({"dn": f"uid=bob,ou=people,{BASE}", "uid": "bob"}, ""),
        ({"dn": f"uid=x,ou=people,{BASE}", "uid": "alice\x00"}, ""),
        ({"dn": f"uid=x,ou=people,{BASE}", "uid": "CORP\\alice"}, ""),
        ({"dn": f"uid=x,ou=people,{BASE}", "entryUUID": ""}, ""),
        ({"dn": f"uid=x,ou=people,{BASE}", "entryUUID": "x" * 3000}, ""),
    ],
)
async def test_an_entry_that_is_not_who_was_asked_for(found: dict[str, str], why: str) -> None:
    attributes = {**ENTRY, **found}
    said = entry(2, attributes.pop("dn"), **attributes) + DONE
    async with served(saying(said, then_close=False)) as port:
        connection = await Connection.open(link_to(port))
        asked = lookup.people_named(connection, SOURCE, "alice", "", 0)
        if why:
            with pytest.raises(Unreachable, match=why):
                await asked
        else:
            assert await asked == []
        await connection.close()


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS, and whom it is from."""
    folder: Path = tmp_path_factory.mktemp("tls")
    roots = certify(folder, "127.0.0.1", "ldap.corp.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return context, roots


async def test_only_the_right_certificate_is_believed(
    certified: tuple[ssl.SSLContext, str], tmp_path: Path
) -> None:
    """An authority that we don't trust, a name that is another, an end of TLS that is silent."""
    ours, roots = certified
    stranger = certify(tmp_path, "127.0.0.1", "ldap.corp.example")
    async with served(saying(DONE, then_close=False), ours) as port:
        trusted = await Connection.open(link_to(port, tls_context(roots), "ldaps"))
        assert await trusted.search(ANYBODY) == []
        await trusted.close()
        for trust in (stranger, ""):
            with pytest.raises(Unreachable, match="is not trusted"):
                await Connection.open(link_to(port, tls_context(trust), "ldaps"))
        other = address.Address("localhost", port, True)
        with pytest.raises(Unreachable, match="is not trusted: Hostname mismatch"):
            await Connection.open(Link(other, tls_context(roots), TIMEOUT_S, OPEN))
    async with served(saying(then_close=False)) as port:
        with pytest.raises(Unreachable, match="did not answer in 0"):
            await Connection.open(link_to(port, tls_context(roots), "ldaps"))
    async with served(saying(b"\x15\x03\x01\x00\x02\x02\x28")) as port:
        with pytest.raises(Unreachable, match="TLS do not agree"):
            await Connection.open(link_to(port, tls_context(roots), "ldaps"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (outcome(1, messages.Answer.EXTENDED, 2), "StartTLS was refused"),
        (outcome(9, messages.Answer.EXTENDED, 0), "an answer to something else"),
        (b"", "ended the connection"),
        # answers smuggled in before TLS are no answers: they break it
        (outcome(1, messages.Answer.EXTENDED, 0) + DONE, "TLS do not agree"),
    ],
)
async def test_nothing_is_said_without_tls(
    certified: tuple[ssl.SSLContext, str], said: bytes, why: str
) -> None:
    async with served(saying(said)) as port:
        with pytest.raises(Unreachable, match=why):
            await Connection.open(link_to(port, tls_context(certified[1])))


async def test_names_that_hang_keep_no_other_work_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        go_on.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        looks = [asyncio.ensure_future(resolve(link_to(1))) for _ in range(64)]
        for each in await asyncio.gather(*looks, return_exceptions=True):
            assert "was not resolved in time" in str(each)
        async with asyncio.timeout(2):
            assert await asyncio.to_thread(int, "7") == 7
    finally:
        go_on.set()


async def test_an_empty_password_is_never_sent() -> None:
    async with served(saying(outcome(2, messages.Answer.BOUND, 0))) as port:
        connection = await Connection.open(link_to(port))
        for dn, password in (("cn=a", ""), ("", "secret")):
            with pytest.raises(ValueError, match="proves nothing"):
                await connection.bind(dn, password)
        await connection.close()
