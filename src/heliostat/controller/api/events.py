"""The stream of events: one response that goes on until somebody ends it.

A heartbeat every 15 s tells that the line is up and how far the reader has come,
also when nothing it may see has happened.  A stream ends after a while (tokens
end, too, and groups change); the client connects again where it stopped.  An
``end`` event says why it ended, wherever it still gets through.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from aiohttp import web

from heliostat.cloudstore.contract import Compacted
from heliostat.controller.api.answers import encode
from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Handler, Streams
from heliostat.controller.api.news import Filter, News
from heliostat.controller.events.ring import ALL, Position
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.wire.errors import ApiError
from heliostat.wire.events import EVENT_STREAM, StreamStart

log = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
LIFETIME_S = 900.0
WRITE_TIMEOUT_S = 30.0
LAST_EVENT_ID = "Last-Event-ID"


async def _serve(call: Call) -> web.StreamResponse:
    wanted = Filter.of(call.query)
    after = await _start_of(call)
    await call.services.hub.check(after.revision if after.nth == ALL else after.revision - 1)
    response = web.StreamResponse(
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.content_type = EVENT_STREAM
    response.charset = "utf-8"
    await response.prepare(call.request)
    call.services.ownership.forget()
    stream = _Stream(call, response, News(call, call.services.ownership, wanted), after)
    try:
        await stream.run()
    except (ConnectionError, TimeoutError):
        # nobody reads any more, or not fast enough: what is buffered will never be wanted
        if call.request.transport is not None:
            call.request.transport.abort()
    return response


async def _start_of(call: Call) -> Position:
    text = call.query.get("from") or call.request.headers.get(LAST_EVENT_ID)
    if text is None:
        return Position(await call.store.revision(), ALL)
    revision, dot, index = text.partition(".")
    digits = revision.isascii() and revision.isdigit() and len(revision) < 19
    if not digits or (dot and not (index.isascii() and index.isdigit() and len(index) < 10)):
        raise PermanentError(
            "InvalidQueryParams",
            f"from: {text[:80]!r} is neither a revision nor the id of an event.",
            data={"parameter": "from"},
        )
    return Position(int(revision), int(index) if dot else ALL)


@dataclass(slots=True)
class _Stream:
    """One reader; ``reached`` is how far it has come, whether it was told of it or not."""

    call: Call
    response: web.StreamResponse
    news: News
    reached: Position

    async def run(self) -> None:
        """Until its lifetime is over, the reader is gone, or the hub says why not."""
        await self._write(self._block("start", encode(StreamStart(revision=self.reached.revision))))
        jobs = {
            asyncio.create_task(job) for job in (self._tell(), self._beat(), self._end_in_time())
        }
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        except Compacted as error:
            await self._say_why(PermanentError("RevisionGone", error.message))
        except HeliostatError as error:
            await self._say_why(error)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            # the answer has begun, so this is the only way left to say it
            log.exception("a stream of events failed")
            await self._say_why(PermanentError("InternalError", "This stream failed."))
        finally:
            for each in jobs:
                each.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _tell(self) -> None:
        async with self.call.services.hub.changes(self.reached) as changes:
            async for change in changes:
                told = await self.news.tell(change)
                self.reached = change.position
                if told is not None:
                    await self._write(self._block(told[0].value, told[1]))

    async def _beat(self) -> None:
        while True:
            await self.call.ports.clock.sleep(HEARTBEAT_S)
            await self._write(f": still here\nid: {self._id()}\n\n".encode())

    async def _end_in_time(self) -> None:
        await self.call.ports.clock.sleep(LIFETIME_S)
        raise TemporaryError("StreamEnded", f"A stream lasts {LIFETIME_S:g} s.")

    async def _say_why(self, error: HeliostatError) -> None:
        await self._write(b"event: end\ndata: " + encode(ApiError.of(error)) + b"\n\n")

    def _block(self, name: str, data: bytes) -> bytes:
        return f"id: {self._id()}\nevent: {name}\ndata: ".encode() + data + b"\n\n"

    def _id(self) -> str:
        revision, index = self.reached
        return str(revision) if index == ALL else f"{revision}.{index}"

    async def _write(self, block: bytes) -> None:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await self.response.write(block)


HANDLERS: dict[str, Handler] = {"streamEvents": Streams(_serve)}
