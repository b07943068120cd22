"""Refusals as ACME tells them (RFC 8555, 6.7; RFC 9457)."""

from __future__ import annotations

from typing import Any

from heliostat.core.errors import HeliostatError

PREFIX = "urn:ietf:params:acme:error:"
_STATUS = {
    "externalAccountRequired": 401,
    "orderNotReady": 403,
    "rateLimited": 429,
    "rejectedIdentifier": 403,
    "serverInternal": 500,
    "unauthorized": 403,
    "notFound": 404,
    "alreadyReplaced": 409,
}
_OF_CODES = {
    "CertificateRefused": "badCSR",
    "InvalidEntity": "badCSR",
    "TenantNotFound": "notFound",
    "CertificateNotFound": "notFound",
    "AccessForbidden": "unauthorized",
}


class Problem(Exception):
    """A refusal; ``kind`` is the last part of its type, ``retry_s`` when it may be otherwise."""

    def __init__(self, kind: str, detail: str, retry_s: int = 60) -> None:
        super().__init__(detail)
        self.retry_s = retry_s
        self.kind = kind
        self.detail = detail
        self.status = _STATUS.get(kind, 400)

    @property
    def document(self) -> dict[str, Any]:
        """As it stands in answers, orders and challenges."""
        kind = "malformed" if self.kind == "notFound" else self.kind
        return {"type": PREFIX + kind, "detail": self.detail, "status": self.status}


def of_error(error: HeliostatError) -> Problem:
    """The problem that one of our errors is."""
    fallback = "malformed" if error.status < 500 else "serverInternal"
    return Problem(_OF_CODES.get(error.code, fallback), error.message)
