"""Tenants: who owns projects, and the quota that projects draw from."""

from __future__ import annotations

import msgspec


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """``security_groups`` may administer the tenant; every project inherits them."""

    id: str
    name: str
    security_groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1
