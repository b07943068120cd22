"""Metrics on the wire: for administrators, and on a port of their own for scrapers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Handler, Streams
from heliostat.controller.metrics import table
from heliostat.controller.metrics.registry import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def _show(call: Call) -> web.StreamResponse:
    services = call.services
    services.metrics.gauge(table.EVENT_READERS).set(services.hub.readers)
    await services.gatherer.gather()
    return answer_of(services.metrics)


def answer_of(metrics: Metrics) -> web.Response:
    """Everything measured so far."""
    return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})


def scrape_app(gather: Callable[[], Awaitable[None]], metrics: Metrics) -> web.Application:
    """An application with nothing but ``/metrics``, for a port that only this machine reaches."""

    async def show(_request: web.Request) -> web.StreamResponse:
        await gather()
        return answer_of(metrics)

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app


HANDLERS: dict[str, Handler] = {"getMetrics": Streams(_show)}
