"""The outermost layer of every request: its id, and the one shape of errors.

``{"code", "message", "data", "hint"}``, ``data`` always an object.  What nobody
foresaw becomes InternalError with the request id, and the log has the rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from heliostat import __version__
from heliostat.controller.api.access_log import AccessLog
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.core.logs import bound
from heliostat.wire.errors import ApiError
from heliostat.wire.events import REVISION_HEADER

log = logging.getLogger(__name__)

REQUEST_ID = web.RequestKey("request_id", str)
REVISION = web.RequestKey("revision", int)
"""Set by lists: the revision that their pages are read at."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CALLER = web.RequestKey("caller", object)
"""Who calls, once that is proven: also of a request that is then refused."""
CLIENT_GONE = 499
"""In log lines: the client left before its answer."""
_RETRY_AFTER_STATUSES = (429, 503)


def around(ids: Ids, lines: AccessLog | None) -> Middleware:
    """Middleware of every request: its id, its line in the log, and failures in the one shape.

    One layer and not three: each would cost every request a coroutine of its own.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, status = time.perf_counter(), CLIENT_GONE
        request_id = request[REQUEST_ID] = ids.new_id()
        with bound(request=request_id):
            try:
                answer = await handler(request)
                status = answer.status
            except ConnectionError:
                raise  # the client is gone; there is nobody to answer
            except Exception as error:
                answer = _failed(request, error)
                status = answer.status
            finally:
                if lines is not None:
                    subject = str(getattr(request.get(CALLER), "subject", ""))
                    seconds = time.perf_counter() - began
                    lines.answered(request, request_id, subject, status, seconds)
            return answer

    return middleware


def _failed(request: web.Request, error: Exception) -> web.Response:
    if isinstance(error, HeliostatError):
        return _answer(error)
    if isinstance(error, web.HTTPException):
        answer = _answer(_of_http(request, error))
        if isinstance(error, web.HTTPMethodNotAllowed):
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return answer
    request_id = request.get(REQUEST_ID, "")
    told = (request_id, request.method, request.path[:200])
    log.error("request %s: %s %s failed", *told, exc_info=error)
    sentence = f"Something unforeseen went wrong ({type(error).__name__}); request {request_id}."
    return _answer(PermanentError("InternalError", sentence, data={"requestId": request_id}))


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: headers of every answer."""
    response.headers["REQUEST-ID"] = request.get(REQUEST_ID, "")
    response.headers["X-API-VERSION"] = __version__
    response.headers["Server"] = "heliostat"
    if REVISION in request:
        response.headers[REVISION_HEADER] = str(request[REVISION])


def _answer(error: HeliostatError) -> web.Response:
    headers = {}
    if error.status in _RETRY_AFTER_STATUSES:
        headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after_s", 1.0))))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=error.status,
        body=msgspec.json.encode(ApiError.of(error)),
        content_type="application/json",
        headers=headers,
    )


def _of_http(request: web.Request, error: web.HTTPException) -> HeliostatError:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        sentence = f"{request.path} does not take {request.method}; it takes {allowed}."
        return PermanentError("MethodNotAllowed", sentence)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PermanentError("RequestTooLarge", "The request body is too large.")
    if isinstance(error, web.HTTPNotFound):
        return PermanentError("NotFound", f"There is nothing at {request.method} {request.path}.")
    return PermanentError("InvalidEntity", f"The request is not understood: {error.reason}.")
