"""Nobody is let in by an answer that breaks off: slapd takes that for success."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from heliostat.identity.ldap_face.listener import UNANSWERED, Listener
from heliostat.identity.ldap_face.replies import Code, verdict

BIND = (
    b"BIND\nmsgid: 1\nbinddn: \nsuffix: dc=a\ndn: uid=a,dc=a\nmethod: 128\ncredlen: 1\ncred: x\n\n"
)


def loops() -> list[Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of every machine, and the controller's where it is there."""
    try:
        import uvloop
    except ImportError:
        return [asyncio.new_event_loop]
    return [asyncio.new_event_loop, uvloop.new_event_loop]


def code_of(raw: bytes) -> int:
    """The code that slapd reads: the last one after RESULT; success where there is none."""
    _, found, rest = raw.partition(b"RESULT\n")
    codes = [int(line[6:]) for line in rest.split(b"\n") if line.startswith(b"code: ")]
    return codes[-1] if found and codes else 0


async def good(_: bytes) -> AsyncIterator[bytes]:
    yield verdict(Code.SUCCESS)


async def failing(_: bytes) -> AsyncIterator[bytes]:
    raise ConnectionError("gone")
    yield b""


async def endless(_: bytes) -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("loop", loops())
@pytest.mark.filterwarnings("ignore::DeprecationWarning:uvloop")
def test_only_a_verdict_lets_somebody_in(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def asked(answer: Callable[[bytes], AsyncIterator[bytes]], *parts: bytes) -> int:
        listener = Listener(tmp_path / "asked", answer, UNANSWERED)
        await listener.open()
        assert listener.fileno > 2
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "asked"))
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        said = await reader.read(20)
        if answer is endless:
            await listener.close()
        with contextlib.suppress(ConnectionResetError):
            said += await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()
        await listener.close()
        return code_of(said)

    async def everything() -> None:
        assert await asked(good, BIND) == Code.SUCCESS
        assert await asked(good, BIND[:3], BIND[3:40], BIND[40:]) == Code.SUCCESS
        assert await asked(endless, BIND) == Code.UNAVAILABLE

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(everything())


async def test_what_could_not_be_said_at_once_is_said_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system has no memory for it: the connection must not end in silence."""
    monkeypatch.setattr(Listener, "_said", lambda _self, _taken: 0)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    for answer, code in ((good, Code.SUCCESS), (failing, Code.UNAVAILABLE)):
        listener = Listener(tmp_path / "asked", answer, UNANSWERED)
        await listener.open()
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "asked"))
        assert await reader.read(len(UNANSWERED)) == UNANSWERED
        writer.write(BIND)
        assert code_of(UNANSWERED + await reader.read()) == code
        writer.close()
        await listener.close()


async def test_an_answer_that_fails_refuses(tmp_path: Path) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: failures.append(told))
    listener = Listener(tmp_path / "asked", failing, UNANSWERED)
    await listener.open()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "asked"))
    writer.write(BIND)
    assert code_of(await reader.read()) == Code.UNAVAILABLE
    writer.close()
    await listener.close()
