"""What is kept of identity sources, and of their people as members of the tenant's own groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.sources.source import Source


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of an identity source was called when last signed in; ``id`` is his key."""

    id: str
    subject: str
    expires_ms: int
    schema: int = 1


class Outsider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or a group, of an identity source as member of the tenant's own groups.

    ``id`` is ``<entry id>@<domain>``; ``groups`` are those groups' numbers by key: a group
    made again under its name is another.  ``name`` is as it was when last named.
    """

    id: str
    source: str
    name: str
    groups: dict[str, int] = {}
    schema: int = 1


@dataclass(frozen=True, slots=True)
class SourceKinds:
    """Where a tenant's documents of identity sources lie."""

    sources: Kind[Source]
    outsiders: Kind[Outsider]
    seen: Kind[Seen]

    @classmethod
    def of(cls, tenant_id: str) -> Self:
        """Those of the tenant with this id."""
        return cls(
            sources=Kind(f"identity-source/{tenant_id}", Source),
            outsiders=Kind(
                f"outsider/{tenant_id}",
                Outsider,
                indexes={
                    "source": lambda outsider: outsider.source,
                    "group": lambda outsider: outsider.groups,
                },
            ),
            seen=Kind(
                f"seen-outsider/{tenant_id}", Seen, indexes={"subject": lambda seen: seen.subject}
            ),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them."""
        return (self.sources, self.outsiders)

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return (self.seen,)
