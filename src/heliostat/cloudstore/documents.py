"""Typed documents over the store: structs in, changes and structs out.

A ``Kind`` knows where its documents live (``/v1/<kind>/<id>``), how they are
encoded (JSON by msgspec, a ``schema`` number inside) and which index entries
(``/idx/<kind>/<field>/<value>/<id>``) belong to one.  It makes changes and
guards for a commit and writes nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

import msgspec

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Delete,
    Document,
    PrefixEmpty,
    PrefixUnchanged,
    Put,
)
from heliostat.core.errors import PermanentError

T = TypeVar("T", bound=msgspec.Struct)
BATCH = 1000
PAGE_OF_A_WALK = 200
READ_AT_ONCE = 100

_ahead: ContextVar[Document | None] = ContextVar("ahead", default=None)
_encoder = msgspec.json.Encoder()


def encode(value: msgspec.Struct) -> bytes:
    """The stored form of a struct."""
    return _encoder.encode(value)


def decode(type_: type[T], document: Document) -> T:
    """The struct in a document.

    Raises ``PermanentError("StoreCorrupt")`` when it is no such struct, or was
    written by a newer version whose ``schema`` this one does not know.
    """
    try:
        value = msgspec.json.decode(document.value, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(document, f"is not a {type_.__name__}: {error}") from error
    known = _schema_of(type_)
    if getattr(value, "schema", known) > known:
        raise _unreadable(document, "was written by a newer version of Heliostat")
    return value


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A struct as it stood at ``revision`` (``created``: revision of its first put)."""

    value: T
    key: str
    revision: int
    created: int


@dataclass(frozen=True, slots=True)
class KindPage(Generic[T]):
    """A page of structs; pass ``after`` and ``revision`` back to get the next one."""

    items: tuple[Stored[T], ...]
    after: str | None
    revision: int


IndexFunction = Callable[[Any], str | Iterable[str]]


@dataclass(frozen=True)
class Kind(Generic[T]):
    """Where and how the documents of one kind are stored.

    ``indexes`` maps a field to what its value(s) are for a document: one string, or
    any number of them (none: the document is not in that index).  ``identify``
    gives a document's id.
    """

    name: str
    type: type[T]
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict)
    identify: Callable[[T], str] = attrgetter("id")

    @property
    def prefix(self) -> str:
        return f"/v1/{self.name}/"

    def key(self, id_: str) -> str:
        return self.prefix + quote(id_)

    def index_prefix(self, field_: str, value: str) -> str:
        """What the keys of all index entries with this value start with."""
        if field_ not in self.indexes:
            raise KeyError(f"{self.name} has no index {field_}")
        return f"{self.entries_prefix(field_)}{quote(value)}/"

    def entries_prefix(self, field_: str) -> str:
        """What the keys of all entries of an index start with."""
        return f"/idx/{self.name}/{field_}/"

    def put(self, value: T, previous: T | None = None) -> list[Change]:
        """Changes that write ``value`` and its index entries; ``previous`` is what it replaces.

        Leave ``previous`` out only for a new document: without it the index
        entries of an earlier version would stay behind.
        """
        new = set(self._entries(value))
        old = set(self._entries(previous)) if previous is not None else set()
        return [
            Put(self.key(self.identify(value)), encode(value)),
            *(Delete(key) for key in sorted(old - new)),
            *(Put(key, b"") for key in sorted(new - old)),
        ]

    def delete(self, value: T) -> list[Change]:
        """Changes that remove the document ``value`` and its index entries."""
        entries = sorted(set(self._entries(value)))
        return [Delete(self.key(self.identify(value))), *(Delete(key) for key in entries)]

    def guard(self, stored: Stored[T]) -> AtRevision:
        """Holds while nobody has written the document since it was read."""
        return AtRevision(stored.key, stored.revision)

    def absent(self, id_: str) -> Absent:
        """Holds while no document has this id."""
        return Absent(self.key(id_))

    def unused(self, field_: str, value: str) -> PrefixEmpty:
        """Holds while no document has this value in that index (unique names, no children)."""
        return PrefixEmpty(self.index_prefix(field_, value))

    def index_unchanged(self, field_: str, value: str, since: int) -> PrefixUnchanged:
        """Holds while no document got or lost this value after revision ``since``."""
        return PrefixUnchanged(self.index_prefix(field_, value), since)

    async def get(
        self, store: CloudStore, id_: str, *, at_revision: int | None = None
    ) -> Stored[T] | None:
        key = self.key(id_)
        if at_revision is None and (ahead := _ahead.get()) is not None and ahead.key == key:
            return self.read(ahead)
        document = await store.get(key, at_revision=at_revision)
        return None if document is None else self.read(document)

    async def list_by_index(
        self,
        store: CloudStore,
        field_: str,
        value: str,
        *,
        limit: int = BATCH,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> KindPage[T]:
        """One page, in id order, of the documents with this value, as of one revision."""
        prefix = self.index_prefix(field_, value)
        page = await store.list(prefix, limit=limit, after=after, at_revision=at_revision)
        items = []
        for number, entry in enumerate(page.items, 1):
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)  # a read need not wait for anything, and 1000 take 20 ms
            key = self.prefix + entry.key.removeprefix(prefix)
            document = await store.get(key, at_revision=page.revision)
            if document is not None:
                items.append(self.read(document))
        return KindPage(tuple(items), page.after, page.revision)

    async def all(self, store: CloudStore) -> list[Stored[T]]:
        """Every document, as of one revision."""
        page = await self.list(store)
        items = list(page.items)
        while page.after is not None:
            page = await self.list(store, after=page.after, at_revision=page.revision)
            items.extend(page.items)
        return items

    async def each(self, store: CloudStore) -> AsyncIterator[Stored[T]]:
        """Every document, without holding all of them in memory; see ``walk``."""
        async for document in walk(store, self.prefix):
            yield self.read(document)

    async def by_index(self, store: CloudStore, field_: str, value: str) -> list[Stored[T]]:
        """Every document with this value in that index, in id order, as of one revision."""
        page = await self.list_by_index(store, field_, value)
        items = list(page.items)
        while page.after is not None:
            page = await self.list_by_index(
                store, field_, value, after=page.after, at_revision=page.revision
            )
            items.extend(page.items)
        return items

    async def ids_by_index(
        self, store: CloudStore, field_: str, value: str, *, at_revision: int | None = None
    ) -> list[str]:
        """The ids only: one read for every thousand of them."""
        prefix = self.index_prefix(field_, value)
        page = await store.list(prefix, at_revision=at_revision)
        keys = [entry.key for entry in page.items]
        while page.after is not None:
            page = await store.list(prefix, after=page.after, at_revision=page.revision)
            keys.extend(entry.key for entry in page.items)
        return [unquote(key.removeprefix(prefix)) for key in keys]

    def id_of(self, key: str) -> str:
        """The id in a document's key (as seen in an event)."""
        return unquote(key.removeprefix(self.prefix))

    def read(self, document: Document) -> Stored[T]:
        """The struct in a document of this kind; decoded once if it is frozen."""
        known = document.meaning
        if isinstance(known, Stored) and type(known.value) is self.type:
            return known
        stored = Stored(
            decode(self.type, document), document.key, document.revision, document.created
        )
        if self.type.__struct_config__.frozen:
            document.remember(stored)
        return stored

    def _entries(self, value: T) -> Iterator[str]:
        id_ = quote(self.identify(value))
        for field_, function in self.indexes.items():
            values = function(value)
            for each in (values,) if isinstance(values, str) else values:
                yield self.index_prefix(field_, each) + id_

    # Last, because inside the class the name hides the builtin from annotations below it.
    async def list(
        self,
        store: CloudStore,
        *,
        limit: int = BATCH,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> KindPage[T]:
        """One page in id order; ``after`` is the ``after`` of the page before."""
        page = await store.list(self.prefix, limit=limit, after=after, at_revision=at_revision)
        return KindPage(tuple(map(self.read, page.items)), page.after, page.revision)


@contextmanager
def reading_ahead(document: Document) -> Iterator[None]:
    """Inside, ``Kind.get`` gives ``document``, which is not in the store yet, for its key.

    For deciding on what a commit under way will have written; whoever decides so has
    to guard that it did (``ValueIs``).
    """
    token = _ahead.set(document)
    try:
        yield
    finally:
        _ahead.reset(token)


async def walk(store: CloudStore, prefix: str) -> AsyncIterator[Document]:
    """Every document under a prefix, each page as it is when it comes; others get on in between.

    What changes meanwhile may be seen before or after, so follow from a revision read first.
    """
    page = await store.list(prefix, limit=PAGE_OF_A_WALK)
    while True:
        for document in page.items:
            yield document
        if page.after is None:
            return
        await asyncio.sleep(0)
        page = await store.list(prefix, limit=PAGE_OF_A_WALK, after=page.after)


def quote(text: str) -> str:
    """``text`` as one segment of a key: only what would break segments is escaped."""
    return text.replace("%", "%25").replace("/", "%2F")


@cache
def _schema_of(type_: type[msgspec.Struct]) -> int:
    for each in msgspec.structs.fields(type_):
        if each.name == "schema" and isinstance(each.default, int):
            return each.default
    return 0


def _unreadable(document: Document, why: str) -> PermanentError:
    return PermanentError(
        "StoreCorrupt", f"The document {document.key} (revision {document.revision}) {why}."
    )
