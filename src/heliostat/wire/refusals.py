"""Which statuses a route can answer besides success, told from its row alone.

One table for the description, the documentation and the fuzzer: a status that
is not here is a defect of the server, or of this table.
"""

from __future__ import annotations

from heliostat.wire.route import Body, Route

SENTENCES: dict[int, str] = {
    400: "The request is not understood, or what it names does not allow it.",
    401: "The token is missing, invalid or expired.",
    403: "The caller may not do this, or the system is paused.",
    404: "What the path or the body names does not exist, or the page is no longer kept.",
    409: "The Idempotency-Key was used for another request, or the console is in use.",
    410: "What changed after that revision is no longer kept.",
    413: "The body is too large.",
    426: "This path is a WebSocket.",
    429: "Too many requests.",
    500: "A defect; the log has the request id.",
    501: "This site does not offer that.",
    502: "The host or the guest gave an answer that makes no sense, or none.",
    503: "The store, the host's agent or this controller can't serve now.",
    507: "The disk is full.",
}


def statuses(route: Route) -> tuple[int, ...]:
    """The statuses of the refusals that ``route`` may give, in order."""
    found = {400, 500, 503}
    if route.access.needs_token:
        found |= {401, 403}
    if route.parameters or route.mutating or route.query:
        found.add(404)
    if route.mutating or route.websocket:
        found.add(409)
    if route.body is not Body.NONE or route.mutating:
        found.add(413)
    if route.body.is_upload:
        found.add(507)
    if route.websocket:
        found.add(426)
    if route.owner is not None and route.owner.kind in ("vm", "host"):
        found.add(502)
    if "/events" in route.path:
        found.add(410)
    return tuple(sorted(found))
