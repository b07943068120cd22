"""How lists read the store, one page at a time and at one revision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from heliostat.cloudstore.contract import CloudStore, Document
from heliostat.cloudstore.documents import Kind, decode
from heliostat.cloudstore.documents import quote as quote_segment
from heliostat.controller.api.cursors import Batch, Read
from heliostat.tasks.model import Task, task_key

T = TypeVar("T", bound=msgspec.Struct)
Keep = Callable[[T], bool]


def everything(_item: object) -> bool:
    """Keeps every item."""
    return True


def of_kind(store: CloudStore, kind: Kind[T], keep: Keep[T] = everything) -> Read[T]:
    """All documents of a kind that ``keep`` lets through, in id order."""

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[T]:
        page = await kind.list(store, limit=limit, after=after, at_revision=revision)
        items = [(each.key, each.value) for each in page.items if keep(each.value)]
        return Batch(items, page.after, page.revision)

    return read


def of_index(
    store: CloudStore, kind: Kind[T], field: str, value: str, keep: Keep[T] = everything
) -> Read[T]:
    """The documents with ``value`` in an index that ``keep`` lets through, in id order."""
    prefix = kind.index_prefix(field, value)

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[T]:
        page = await kind.list_by_index(
            store, field, value, limit=limit, after=after, at_revision=revision
        )
        items = [
            (prefix + quote_segment(kind.identify(each.value)), each.value)
            for each in page.items
            if keep(each.value)
        ]
        return Batch(items, page.after, page.revision)

    return read


async def all_of_index(
    store: CloudStore, kind: Kind[T], field: str, value: str, revision: int | None
) -> list[T]:
    """Every document with ``value`` in an index, as of a revision (``None``: now)."""
    page = await kind.list_by_index(store, field, value, at_revision=revision)
    items = [each.value for each in page.items]
    while page.after is not None:
        page = await kind.list_by_index(
            store, field, value, after=page.after, at_revision=page.revision
        )
        items.extend(each.value for each in page.items)
    return items


def of_ids(
    store: CloudStore, kind: Kind[T], ids: Iterable[str], keep: Keep[T] = everything
) -> Read[T]:
    """The documents with these ids that ``keep`` lets through, in id order."""
    keys = sorted((kind.key(id_), id_) for id_ in ids)

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[T]:
        at = await store.revision() if revision is None else revision
        left = [(key, id_) for key, id_ in keys if after is None or key > after]
        found = [(key, await kind.get(store, id_, at_revision=at)) for key, id_ in left[:limit]]
        items = [(key, each.value) for key, each in found if each and keep(each.value)]
        return Batch(items, left[limit - 1][0] if len(left) > limit else None, at)

    return read


def of_any_index(
    store: CloudStore, kind: Kind[T], values: Iterable[tuple[str, str]], keep: Keep[T] = everything
) -> Read[T]:
    """The documents with any of the (field, value) in an index, each once, in id order."""
    prefixes = [kind.index_prefix(field, value) for field, value in values]

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[T]:
        merged = await merge(store, prefixes, limit, after, revision)
        found = [
            (segment, await store.get(kind.prefix + segment, at_revision=merged.revision))
            for segment in merged.segments
        ]
        read_out = [(segment, kind.read(each).value) for segment, each in found if each]
        items = [(segment, value) for segment, value in read_out if keep(value)]
        return Batch(items, merged.after, merged.revision)

    return read


def of_tasks_under(store: CloudStore, prefixes: Sequence[str], keep: Keep[Task]) -> Read[Task]:
    """Tasks under any of the index prefixes, each once, newest first."""

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[Task]:
        merged = await merge(store, prefixes, limit, after, revision)
        items = []
        for id_ in merged.segments:
            document = await store.get(task_key(id_), at_revision=merged.revision)
            if document is not None:
                task = decode(Task, document)
                if keep(task):
                    items.append((id_, task))
        return Batch(items, merged.after, merged.revision)

    return read


class Merged(NamedTuple):
    """Last segments of index keys in order; ``after`` is the last one if there may be more."""

    segments: list[str]
    after: str | None
    revision: int


async def merge(
    store: CloudStore,
    prefixes: Sequence[str],
    limit: int,
    after: str | None,
    revision: int | None,
) -> Merged:
    """Up to ``limit`` segments under all prefixes together, as of one revision.

    What lies beyond the end of the shortest partial list is not known yet, so it
    is left for the next call.
    """
    found: set[str] = set()
    horizons: list[str] = []
    at = await store.revision() if revision is None else revision
    for prefix in prefixes:
        start = None if after is None else prefix + after
        page = await store.list(prefix, limit=limit, after=start, at_revision=at)
        found.update(each.key.removeprefix(prefix) for each in page.items)
        if page.after is not None:
            horizons.append(page.after.removeprefix(prefix))
    known = sorted(each for each in found if not horizons or each <= min(horizons))
    has_more = bool(horizons) or len(known) > limit
    segments = known[:limit]
    return Merged(segments, segments[-1] if has_more else None, at)


def of_tasks(store: CloudStore, prefix: str, keep: Keep[Task]) -> Read[Task]:
    """Tasks under an index prefix (or under all tasks' own prefix), in id order."""
    documents = prefix == task_key("")

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[Task]:
        page = await store.list(prefix, limit=limit, after=after, at_revision=revision)
        items: list[tuple[str, Task]] = []
        for entry in page.items:
            document: Document | None = entry
            if not documents:
                key = task_key(entry.key.removeprefix(prefix))
                document = await store.get(key, at_revision=page.revision)
            if document is not None and keep(task := decode(Task, document)):
                items.append((entry.key, task))
        return Batch(items, page.after, page.revision)

    return read


class Named(Protocol):
    """What a directory lists."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)
N_co = TypeVar("N_co", bound=Named, covariant=True)


def of_names(store: CloudStore, entries: Sequence[N], name: str | None) -> Read[N]:
    """Entries of the directory in order of their names.

    The directory answers whole lists, so a later page goes on after the last name
    of the page before: entries made meanwhile may show, none is shown twice.
    """
    ordered = sorted(entries, key=lambda entry: entry.name.casefold())

    async def read(limit: int, after: str | None, _revision: int | None) -> Batch[N]:
        left = [
            (entry.name.casefold(), entry)
            for entry in ordered
            if (after is None or entry.name.casefold() > after)
            and (name is None or entry.name.casefold() == name.casefold())
        ]
        more = left[limit - 1][0] if len(left) > limit else None
        return Batch(left[:limit], more, await store.revision())

    return read


class PageOfNames(Protocol[N_co]):
    """A page of what a directory holds, in the order of folded names."""

    @property
    def items(self) -> Sequence[N_co]: ...
    @property
    def after(self) -> str: ...


def of_directory(
    store: CloudStore, page: Callable[[int, str], Awaitable[PageOfNames[N]]]
) -> Read[N]:
    """What a directory lists page by page: ``page(limit, after)``.

    Later pages show what is there when they are read; none shows anything twice.
    """

    async def read(limit: int, after: str | None, _revision: int | None) -> Batch[N]:
        found = await page(limit, after or "")
        items = [(each.name.casefold(), each) for each in found.items]
        return Batch(items, found.after or None, await store.revision())

    return read
