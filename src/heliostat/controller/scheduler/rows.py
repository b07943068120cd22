"""A host and its datastores as placement sees them, made from their documents."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.controller.model.host import UsageTag


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A datastore as one of its hosts reports it; ``tags`` are upper case, its type among them."""

    id: str
    total_bytes: int
    free_bytes: int
    tags: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    name: str = ""


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host; nothing but zeros before its agent has said what it has."""

    id: str
    address: str
    ready: bool
    active: bool
    usage: frozenset[UsageTag]
    zone: str = ""
    cpu_count: int = 0
    memory_mib: int = 0
    datastores: tuple[StoreRow, ...] = ()
    networks: frozenset[str] = frozenset()
