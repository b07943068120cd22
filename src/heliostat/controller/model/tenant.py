"""Tenants: who owns projects, and the quota that projects draw from."""

from __future__ import annotations

import msgspec

from heliostat.controller.model.policy import Policy


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """``security_groups`` own the tenant, ``policy`` says who else holds which role."""

    id: str
    name: str
    security_groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    policy: Policy = ()
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1
