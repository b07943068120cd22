"""Pages of a list, stable while others write.

The first page fixes a revision of the store; the cursor carries it with the key
to go on after, so every later page reads the same snapshot.  A cursor is bound
to its list (path and filters).  One that is foreign, damaged, or whose revision
has been compacted is PageExpired.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from heliostat.cloudstore.contract import Compacted
from heliostat.controller.api.boundary import REVISION
from heliostat.controller.api.call import Call
from heliostat.core.errors import PermanentError

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 100
MORE_ROWS = 250
"""Rows of each further read where a filter keeps few: enough to leave the event loop for it."""

T = TypeVar("T")


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a list goes on: ``scope`` is a digest of the list it belongs to.

    With ``before`` the page is the one that ends before that key.
    """

    scope: str
    revision: int
    after: str
    page_size: int
    before: str = ""


class Batch(msgspec.Struct, Generic[T], frozen=True):
    """What one read of the store gave: kept items with the key to go on after each."""

    items: list[tuple[str, T]]
    after: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list.

    ``link`` is the server-relative link to the next page, empty on the last;
    ``previous`` the one to the page before, empty on the first;
    ``revision`` what the page was read at, for whatever belongs to its items.
    """

    items: list[T]
    link: str
    revision: int
    previous: str = ""


Read = Callable[[int, str | None, int | None], Awaitable[Batch[T]]]
"""``(limit, after, at_revision) -> Batch``; it may keep fewer items than it read."""


async def paginate(call: Call, read: Read[T]) -> Listed[T]:
    """The page that the call asks for; raises InvalidPageSize or PageExpired."""
    cursor = _cursor_of(call)
    size = _page_size(call, cursor)
    if cursor is not None and cursor.before:
        return await _page_before(call, read, cursor, size)
    after = cursor.after if cursor else None
    revision = cursor.revision if cursor else None
    found: list[tuple[str, T]] = []
    rows = size + 1
    try:
        while True:
            batch = await read(rows, after, revision)
            found.extend(batch.items)
            rows = MORE_ROWS
            after, revision = batch.after, batch.revision
            if after is None or len(found) > size:
                break
    except Compacted as error:
        raise _expired() from error
    call.request[REVISION] = revision
    link, previous = "", ""
    if len(found) > size:
        link = _link(call, Cursor(_scope(call), revision, found[size - 1][0], size))
    if cursor is not None and found:
        previous = _link(call, Cursor(_scope(call), revision, "", size, found[0][0]))
    return Listed([item for _, item in found[:size]], link, revision, previous)


async def _page_before(call: Call, read: Read[T], cursor: Cursor, size: int) -> Listed[T]:
    """The page that ends before a key.

    The store lists forwards only, so this reads the list from its start; no more
    than a page of it is kept.
    """
    kept: deque[tuple[str, T]] = deque(maxlen=size + 1)
    after: str | None = None
    try:
        while True:
            batch = await read(MORE_ROWS, after, cursor.revision)
            kept.extend(each for each in batch.items if each[0] < cursor.before)
            after = batch.after
            if after is None or after >= cursor.before:
                break
    except Compacted as error:
        raise _expired() from error
    if not kept:
        raise _expired()  # made up: a page that has one before it is never the first
    call.request[REVISION] = cursor.revision
    found = [*kept][-size:]
    scope, revision = cursor.scope, cursor.revision
    link = _link(call, Cursor(scope, revision, found[-1][0], size))
    previous = ""
    if len(kept) > size:
        previous = _link(call, Cursor(scope, revision, "", size, found[0][0]))
    return Listed([item for _, item in found], link, revision, previous)


def _page_size(call: Call, cursor: Cursor | None) -> int:
    size: int = call.query.get("pageSize", cursor.page_size if cursor else DEFAULT_PAGE_SIZE)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise PermanentError(
            "InvalidPageSize", f"A page has 1 to {MAX_PAGE_SIZE} items, not {size}."
        )
    return size


def _cursor_of(call: Call) -> Cursor | None:
    text = call.query.get("pageLink")
    if text is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise _expired() from error
    if cursor.scope != _scope(call) or cursor.revision < 0:
        raise _expired()
    return cursor


def _filters(call: Call) -> Mapping[str, Any]:
    return {
        name: value for name, value in call.query.items() if name not in ("pageSize", "pageLink")
    }


def _scope(call: Call) -> str:
    """A cursor of one list must not continue another: keys would be skipped silently."""
    text = f"{call.request.path}?{urlencode(sorted(_filters(call).items()))}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _link(call: Call, cursor: Cursor) -> str:
    text = base64.urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()
    return f"{call.request.path}?{urlencode({**_filters(call), 'pageLink': text})}"


def _expired() -> PermanentError:
    return PermanentError("PageExpired", "This page can't be read any more.")
