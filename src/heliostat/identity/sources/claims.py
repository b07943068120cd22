"""Whose names a source may have: a domain is one owner's on the site, an alias a tenant's."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.names import fold
from heliostat.identity.sources.records import SourceKinds
from heliostat.identity.sources.source import SOURCE_DOMAINS, Source
from heliostat.identity.tenant import TENANTS


async def free(store: CloudStore, domain: str, site_domain: str) -> list[Guard]:
    """Guards that nobody on this site has ``domain``; raises ``SourceExists``."""
    taken = await SOURCE_DOMAINS.get(store, domain)
    tenants = await TENANTS.ids_by_index(store, "domain", domain)
    if taken is not None or tenants or domain == fold(site_domain):
        raise PermanentError(
            "SourceExists", f"{domain} is the domain of a tenant or source here already."
        )
    return [SOURCE_DOMAINS.absent(domain), TENANTS.unused("domain", domain)]


def refuse_ambiguous(new: Source, others: Sequence[Stored[Source]]) -> None:
    """Raises ``SourceExists`` for a name that another has, too."""
    for each in others:
        shared = sorted(new.spellings & each.value.spellings)
        if shared:
            raise PermanentError(
                "SourceExists", f"{shared[0]} is a name of {each.value.domain} already."
            )


def no_other_default(
    kinds: SourceKinds, new: Source, others: Sequence[Stored[Source]]
) -> list[Change]:
    """Changes by which only ``new`` is the default, if it is."""
    changes: list[Change] = []
    for each in others:
        if new.default and each.value.default:
            other = msgspec.structs.replace(each.value, default=False)
            changes += kinds.sources.put(other, each.value)
    return changes
