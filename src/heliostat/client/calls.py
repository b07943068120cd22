"""Calls by the name of their operation; method and path come from the route table.

A read is answered at once.  A change is first a :class:`Change`: a described
request that can be planned or submitted.  Its ``Idempotency-Key`` is chosen when
it is described, so that repeating it after a lost answer is safe.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from heliostat.client.transport import Request, Transport
from heliostat.core.deferred import deferred
from heliostat.wire.events import REVISION_HEADER
from heliostat.wire.plans import Plan

if TYPE_CHECKING:
    from heliostat.wire import routes
else:
    routes = deferred("heliostat.wire.routes")

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)
Item = TypeVar("Item")


class Page(Protocol[Item_co]):
    """What every list answers."""

    @property
    def items(self) -> Sequence[Item_co]: ...

    @property
    def next_page_link(self) -> str: ...


def path_of(operation: str, *arguments: str) -> str:
    """The path of an operation with its parameters filled in, quoted."""
    route = routes.BY_OPERATION[operation]
    if len(arguments) != len(route.parameters):
        raise TypeError(f"{operation} takes {route.parameters}, not {arguments}")
    path = route.path
    for name, value in zip(route.parameters, arguments, strict=True):
        path = path.replace(f"{{{name}}}", quote(value, safe=""), 1)
    return path


def read(
    transport: Transport,
    operation: str,
    *arguments: str,
    answer: type[T],
    query: Mapping[str, str | int] | None = None,
) -> T:
    """Ask and decode; empty query parameters are left out."""
    return transport.fetch(_request(operation, arguments, query or {}), answer)


def pages(
    transport: Transport,
    operation: str,
    *arguments: str,
    answer: type[Page[Item]],
    query: Mapping[str, str | int] | None = None,
) -> Iterator[Item]:
    """Every item of a list, page after page, read as they are needed."""
    request = _request(operation, arguments, query or {})
    while True:
        page = transport.fetch(request, answer)
        yield from page.items
        if not page.next_page_link:
            return
        link = urlsplit(page.next_page_link)
        request = Request("GET", link.path, dict(parse_qsl(link.query)))


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[Item]):
    """A whole list as of one revision, from which events go on without a gap."""

    items: list[Item]
    revision: int


def snapshot(
    transport: Transport,
    operation: str,
    *arguments: str,
    answer: type[Page[Item]],
    query: Mapping[str, str | int] | None = None,
) -> Snapshot[Item]:
    """Every page of a list, all read at the revision of the first."""
    request = _request(operation, arguments, query or {})
    items: list[Item] = []
    while True:
        response = transport.send(request)
        page = transport.decode(response, answer)
        items.extend(page.items)
        if not page.next_page_link:
            return Snapshot(items, int(response.headers.get(REVISION_HEADER, "0")))
        link = urlsplit(page.next_page_link)
        request = Request("GET", link.path, dict(parse_qsl(link.query)))


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """A change that is described but not yet asked for."""

    transport: Transport
    operation: str
    arguments: tuple[str, ...]
    answer: type[T]
    body: Any = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    def submit(self) -> T:
        """Ask for it; the answer is usually the task that carries it out."""
        return self.transport.fetch(self._described(self.query), self.answer)

    def plan(self) -> Plan:
        """What it would do; changes nothing."""
        return self.transport.fetch(self._described({**self.query, "plan": "true"}), Plan)

    def _described(self, query: Mapping[str, str | int]) -> Request:
        headers = {"Idempotency-Key": self.key}
        content = b""
        if self.body is not None:
            content = msgspec.json.encode(self.body)
            headers["Content-Type"] = "application/json"
        return _request(self.operation, self.arguments, query, headers, content)


def _request(
    operation: str,
    arguments: Sequence[str],
    query: Mapping[str, str | int],
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
) -> Request:
    return Request(
        routes.BY_OPERATION[operation].method,
        path_of(operation, *arguments),
        {name: value for name, value in query.items() if value != ""},
        headers or {},
        content,
    )
