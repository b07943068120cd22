"""Pages of a register: certificates with the key to go on after each."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.identity.authority.records import Certificate, day_of

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Page:
    """Certificates with the key to go on after each, as of one revision."""

    items: tuple[tuple[str, Certificate], ...]
    after: str | None
    revision: int


async def ending(
    store: CloudStore,
    kind: Kind[Certificate],
    now_ms: int,
    within_days: int,
    limit: int,
    after: str | None,
    revision: int | None,
) -> Page:
    """Those that count and end within some days, by the day.

    Keys of the index of ends begin with the day, so they are a list by the end.
    """
    prefix = kind.entries_prefix("ends")
    last = f"{prefix}{day_of(now_ms + within_days * DAY_MS)}0"  # sorts after that day's
    first = after or f"{prefix}{day_of(now_ms)}"
    page = await store.list(prefix, limit=limit, after=first, at_revision=revision)
    items: list[tuple[str, Certificate]] = []
    for entry in page.items:
        if entry.key > last:
            return Page(tuple(items), None, page.revision)
        id_ = entry.key.rpartition("/")[2]
        found = await kind.get(store, id_, at_revision=page.revision)
        if found is not None and found.value.is_active(now_ms):
            items.append((entry.key, found.value))
    return Page(tuple(items), page.after, page.revision)
