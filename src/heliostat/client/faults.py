"""What can go wrong between a client and a controller.

::

    HeliostatError            code, message, hint, data
    ├── ServerError           the controller refused: its code, sentence and hint, its status
    ├── Unreachable           no answer (nothing listens, name unknown, line cut)
    ├── CertificateInvalid    somebody answered who could not prove to be the controller
    ├── InvalidAnswer         an answer that no controller of this version gives
    └── TaskFailed            the task ended in ERROR (heliostat.client.waiting)

Exceptions of the HTTP library are mapped here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from heliostat.client.target import Target
from heliostat.core.codes import CODES
from heliostat.core.deferred import deferred
from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    import ssl

    import httpx
else:
    ssl = deferred("ssl")
    httpx = deferred("httpx")

_OLD_WIRE_HINT = "The controller's log tells more; look for the request id."
_START_HINT = "Start the platform of this machine with `make up` or `helio up`."


class ServerError(HeliostatError):
    """The controller refused; ``code`` may be one that this version does not know."""

    def __init__(
        self, status: int, code: str, message: str, hint: str, data: dict[str, Any]
    ) -> None:
        known = CODES.get(code)
        super().__init__(
            code, message, hint=hint or (known.hint if known else _OLD_WIRE_HINT), data=data
        )
        self._status = status

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self._status


class Unreachable(HeliostatError):
    """No answer came; ``was_sent`` if the controller may have seen the request."""

    def __init__(self, target: Target, why: str, *, was_sent: bool = False) -> None:
        hint = _START_HINT if target.socket else None
        super().__init__("Unreachable", f"No answer from {target}: {why}.", hint=hint)
        self.was_sent = was_sent


class CertificateInvalid(HeliostatError):
    """The TLS certificate of the other side can't be trusted."""

    def __init__(self, target: Target, why: str) -> None:
        super().__init__(
            "CertificateInvalid", f"The certificate of {target} can't be trusted: {why}."
        )


class InvalidAnswer(HeliostatError):
    """Something answered that doesn't speak this API."""

    def __init__(self, target: Target, why: str) -> None:
        super().__init__("InvalidAnswer", f"{target} gave an answer that makes no sense: {why}.")


class _Body(msgspec.Struct):
    code: str
    message: str = ""
    hint: str = ""
    data: dict[str, Any] | None = None


def refusal(target: Target, response: httpx.Response) -> HeliostatError:
    """The error that a non-2xx answer carries (its body must have been read)."""
    try:
        body = msgspec.json.decode(response.content, type=_Body)
    except msgspec.MsgspecError:
        return InvalidAnswer(target, f"HTTP {response.status_code} without an error code")
    message = body.message or f"The controller answered {body.code}."
    return ServerError(response.status_code, body.code, message, body.hint, body.data or {})


def connection_fault(target: Target, error: httpx.TransportError) -> HeliostatError:
    """Our error for an exception of the HTTP library."""
    certificate = certificate_fault(target, error)
    if certificate is not None:
        return certificate
    match error:
        case httpx.ConnectTimeout():
            return Unreachable(target, "connecting took too long")
        case httpx.ConnectError():
            return Unreachable(target, plain_reason(error))
        case httpx.TimeoutException():
            return HeliostatError(
                "TimedOut",
                f"{target} did not answer in time.",
                hint="Try again; `helio status` shows how the controller is.",
            )
        case _:
            return Unreachable(target, f"the connection broke ({error})", was_sent=True)


def certificate_fault(target: Target, error: BaseException) -> CertificateInvalid | None:
    """``CertificateInvalid`` if a TLS failure lies behind ``error``, else ``None``."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return CertificateInvalid(target, seen.verify_message or str(seen))
        if isinstance(seen, ssl.SSLError):
            return CertificateInvalid(target, seen.reason or str(seen))
        seen = seen.__cause__ or seen.__context__
    return None


def plain_reason(error: BaseException) -> str:
    """The operating system's own words for a failed connection."""
    seen: BaseException | None = error
    text = str(error)
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            text = seen.strerror
        seen = seen.__cause__ or seen.__context__
    return text[:1].lower() + text[1:] if text else "the connection failed"
