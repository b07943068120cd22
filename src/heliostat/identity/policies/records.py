"""What is kept of a tenant's own rules."""

from __future__ import annotations

from typing import Any

import msgspec

from heliostat.cloudstore.documents import Kind


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's own settings by path (``passwords.minimum_length``); the site's count elsewhere.

    ``generation`` counts its changes.
    """

    id: str
    generation: int = 0
    settings: dict[str, Any] = {}
    changed_ms: int = 0
    schema: int = 1


def policies_of(tenant_id: str) -> Kind[PolicyRecord]:
    """Where a tenant's one document of them lies."""
    return Kind(f"identity-policy/{tenant_id}", PolicyRecord)
