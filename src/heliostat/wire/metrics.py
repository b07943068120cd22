"""Metrics, for Prometheus; docs/reference/metrics.md lists them."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.route import Route

TEXT = "text/plain"

ROUTES = (
    Route(
        method="GET",
        path="/metrics",
        operation="getMetrics",
        access=Access.SYSTEM_ADMIN,
        summary="Show this controller's measurements in Prometheus' text format.",
        response=str,
        media_type=TEXT,
    ),
)
