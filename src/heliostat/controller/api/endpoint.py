"""What happens to every request of one route, whatever its handler does.

Authentication, authorisation, parsing, the handler's answer; and, around all of
it, the audit trail (nothing is acknowledged before its record is durable) and
the operation's measurements.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from heliostat.controller.api import access, boundary, parsing, recording
from heliostat.controller.api.access_log import OPERATION
from heliostat.controller.api.call import Call, Services
from heliostat.controller.api.handler import Handler
from heliostat.controller.api.ports import Principal
from heliostat.controller.metrics.registry import Meter
from heliostat.core.errors import PermanentError
from heliostat.wire.route import Body, Route


def endpoint(
    services: Services, route: Route, handler: Handler
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What aiohttp calls for one route."""

    meter = Meter(services.metrics, route.operation)

    async def handle(request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        status = boundary.CLIENT_GONE
        request[OPERATION] = route.operation
        try:
            principal = await access.admit(services, route, request)
            call = await _call(services, route, request, principal)
            answer = await handler.answer(call)
            await recording.record_answer(services, route, request, answer)
            status = answer.status
        except Exception as error:
            status = recording.note_failure(services, route, request, error)
            raise
        finally:
            meter.answered(status, time.perf_counter() - began)
        return answer

    return handle


async def _call(
    services: Services, route: Route, request: web.Request, principal: Principal | None
) -> Call:
    return Call(
        services=services,
        route=route,
        request=request,
        principal=principal,
        request_id=request[boundary.REQUEST_ID],
        params=request.match_info,
        query=parsing.parse_query(request.query, route.all_query),
        body=await _body(services, route, request),
    )


async def _body(services: Services, route: Route, request: web.Request) -> object:
    if route.missing or route.body.is_upload or route.websocket:
        return None
    if route.body is not Body.JSON and not route.mutating:
        return None  # a read says all in its path and query
    arrived = request.content.is_eof()
    raw = await _read(request, services.settings.body_timeout_s)
    if not arrived:
        await services.site.refuse_paused(route)
    if route.body is Body.JSON:
        return parsing.parse_json(raw, route.request)
    if route.mutating:
        parsing.parse_nothing(raw)
    return None


async def _read(request: web.Request, timeout_s: float) -> bytes:
    """The whole body; most have arrived with their head, and need no timer."""
    if request.content.is_eof():
        return await request.read()
    try:
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except TimeoutError as error:
        sentence = f"The body did not arrive within {timeout_s:g} s."
        raise PermanentError("InvalidJson", sentence) from error
