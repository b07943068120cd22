"""One request, authenticated, authorised and parsed: what handlers are given.

Lives as long as its request.  Handlers read typed values from it and never look
at the raw request (uploads and WebSockets excepted).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.api.forwarded import base_url
from heliostat.controller.api.ports import (
    ApiSettings,
    DirectoriesPort,
    HostsPort,
    IdentityPort,
    Principal,
)
from heliostat.controller.api.shown import Shown
from heliostat.controller.api.site import SiteView
from heliostat.controller.events.hub import Hub
from heliostat.controller.metrics.gathering import Gatherer
from heliostat.controller.metrics.registry import Metrics
from heliostat.controller.trail.writer import Trail
from heliostat.controller.workflows.admission import Caller, Ports
from heliostat.wire.route import Route

if TYPE_CHECKING:
    from heliostat.controller.api.ownership import Ownership


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls of one application share."""

    ports: Ports
    identity: IdentityPort
    directories: DirectoriesPort
    hosts: HostsPort
    settings: ApiSettings
    hub: Hub
    ownership: Ownership
    trail: Trail
    metrics: Metrics
    gatherer: Gatherer
    site: SiteView
    shown: Shown = field(default_factory=Shown)


@dataclass(frozen=True, slots=True)
class Call:
    """``query`` holds the declared parameters that were given, in their types."""

    services: Services
    route: Route
    request: web.Request
    principal: Principal | None
    request_id: str
    params: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any = None

    @property
    def ports(self) -> Ports:
        return self.services.ports

    @property
    def store(self) -> CloudStore:
        return self.services.ports.store

    @property
    def id(self) -> str:
        """The path's entity."""
        return self.params["id"]

    @property
    def base(self) -> str:
        """Scheme and authority that the client used, for absolute links."""
        request = self.request
        return base_url(
            request.scheme,
            request.host,
            request.remote,
            request.headers,
            self.services.settings.trusted_proxies,
        )

    @property
    def wants_plan(self) -> bool:
        return bool(self.query.get("plan", False))

    @property
    def caller(self) -> Caller:
        """The caller as verbs know it; only where a token was needed."""
        principal = self.principal
        if principal is None:
            raise RuntimeError(f"{self.route.operation} has no caller")
        return Caller(
            subject=principal.subject,
            groups=principal.groups,
            is_system_admin=principal.is_system_admin,
            request_id=self.request_id,
            planning=self.wants_plan,
        )
