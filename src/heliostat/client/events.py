"""Following what changes: a stream that is connected again whenever it breaks.

Every event is given once and in order: a new connection goes on after the last
id that was read, heartbeats included.  Only when the controller no longer keeps
that past is the caller told (``RevisionGone``): it has to list again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from heliostat.client.calls import path_of
from heliostat.client.faults import ServerError
from heliostat.client.transport import Request, Transport
from heliostat.core.errors import HeliostatError
from heliostat.wire.errors import ApiError
from heliostat.wire.events import Event, EventType

SILENCE_S = 45.0
"""Three heartbeats: a line that is silent for longer is dead."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
_AGAIN = frozenset(
    {"Unreachable", "TimedOut", "InvalidAnswer", "ShuttingDown", "StoreUnavailable"}
    | {"ReaderTooSlow", "StreamEnded", "TooManyRequests"}
)
_PLANNED = frozenset({"StreamEnded", "ReaderTooSlow"})
_TYPES = frozenset(EventType)

Missed = Callable[[HeliostatError], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; empty: all that the caller may see."""

    kinds: Sequence[str] = ()
    entity_id: str = ""
    tenant_id: str = ""
    project_id: str = ""
    selector: str = ""

    def query(self) -> dict[str, str]:
        named = {
            "kind": ",".join(self.kinds),
            "entityId": self.entity_id,
            "tenantId": self.tenant_id,
            "projectId": self.project_id,
            "selector": self.selector,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(slots=True)
class _Block:
    id: str = ""
    name: str = ""
    data: str = ""


class Events:
    """The stream of events of one controller."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def follow(
        self,
        wanted: Wanted | None = None,
        *,
        after: str | int = "",
        missed: Missed = lambda _error: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Event]:
        """Events after a revision or event id (default: from now on), for ever.

        ``missed`` is told once for each time that the line breaks.  Raises what a new
        connection can't mend, ``RevisionGone`` among it.
        """
        wanted = wanted or Wanted()
        last, pause_s, away = str(after), FIRST_PAUSE_S, False
        while True:
            try:
                for block in self._blocks(wanted, last):
                    last, pause_s, away = block.id or last, FIRST_PAUSE_S, False
                    if block.name in _TYPES:
                        yield self._event(block)
                    elif block.name == "end":
                        raise _ended(block)
            except HeliostatError as error:
                if error.code not in _AGAIN:
                    raise
                if not away and error.code not in _PLANNED:
                    missed(error)
                away = True
            sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _blocks(self, wanted: Wanted, last: str) -> Iterator[_Block]:
        headers = {"Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        path = path_of("streamEvents")
        request = Request("GET", path, wanted.query(), headers, timeout_s=SILENCE_S)
        with self._transport.stream(request) as response:
            block = _Block()
            for line in response.iter_lines():
                if not line:
                    yield block
                    block = _Block()
                name, _, value = line.partition(": ")
                match name:
                    case "id":
                        block.id = value
                    case "event":
                        block.name = value
                    case "data":
                        block.data = value

    def _event(self, block: _Block) -> Event:
        return msgspec.json.decode(block.data, type=Event)


def _ended(block: _Block) -> HeliostatError:
    told = msgspec.json.decode(block.data, type=ApiError)
    return ServerError(503, told.code, told.message, told.hint, told.data)
