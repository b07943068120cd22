"""Guards of a commit that are about entries, and how the document store can hold them.  Pure."""

from __future__ import annotations

from heliostat.cloudstore.contract import Guard, PrefixEmpty, PrefixUnchanged
from heliostat.identity.openldap.placing import placed, shelf


def is_about_entries(guard: Guard) -> bool:
    """Whether the guard is about documents that may be entries."""
    if isinstance(guard, PrefixUnchanged):
        return False
    if isinstance(guard, PrefixEmpty):
        return shelf(guard.prefix) is not None
    return placed(guard.key) is not None


def outside(guard: Guard) -> Guard:
    """The guard as the document store can hold it: what is written to entries leaves a mark."""
    where = shelf(guard.prefix) if isinstance(guard, PrefixUnchanged) else None
    if where is None or not isinstance(guard, PrefixUnchanged):
        return guard
    return PrefixUnchanged(where.mark, guard.since)
