"""Whose a name is: whoever holds a certificate for it that counts, or may count again."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import CloudStore, PrefixUnchanged
from heliostat.cloudstore.documents import Kind
from heliostat.identity.authority.records import Certificate

PAGE = 100


async def taken(
    store: CloudStore, kind: Kind[Certificate], names: Sequence[str], subject: str, now_ms: int
) -> tuple[str, list[PrefixUnchanged]]:
    """The first of ``names`` that is somebody else's; empty with guards if none is.

    The guards hold while nobody is given a certificate for one of them.
    """
    guards = []
    for name in names:
        value = name[:253]
        page = await kind.list_by_index(store, "name", value, limit=PAGE)
        guards.append(kind.index_unchanged("name", value, page.revision))
        while True:
            for each in page.items:
                held = each.value.is_held and now_ms < each.value.not_after_ms
                if (held or each.value.is_active(now_ms)) and each.value.by != subject:
                    return name, []
            if page.after is None:
                break
            page = await kind.list_by_index(
                store, "name", value, limit=PAGE, after=page.after, at_revision=page.revision
            )
    return "", guards
