"""How lists read the store, one page at a time and at one revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
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


def of_tasks(store: CloudStore, prefix: str, keep: Keep[Task]) -> Read[Task]:
    """Tasks under an index prefix (or under all tasks' own prefix), in id order."""
    documents = prefix == task_key("")

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[Task]:
        page = await store.list(prefix, limit=limit, after=after, at_revision=revision)
        items: list[tuple[str, Task]] = []
        for entry in page.items:
            raw: bytes | None = entry.value
            if not documents:
                key = task_key(entry.key.removeprefix(prefix))
                document = await store.get(key, at_revision=page.revision)
                raw = document.value if document is not None else None
            if raw is not None and keep(task := msgspec.json.decode(raw, type=Task)):
                items.append((entry.key, task))
        return Batch(items, page.after, page.revision)

    return read


class Named(Protocol):
    """What a directory lists."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


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
