"""What is kept of wrong passwords."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.documents import Kind


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """Wrong passwords of late, and until when the name is locked."""

    id: str
    failures_ms: tuple[int, ...] = ()
    locked_until_ms: int = 0
    expires_ms: int = 0
    schema: int = 1


def attempts_of(tenant_id: str) -> Kind[Attempts]:
    """A tenant's; ``lockout`` says what their ids are."""
    return Kind(f"sign-in-attempts/{tenant_id}", Attempts)
