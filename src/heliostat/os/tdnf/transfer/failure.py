"""What a failed attempt means: its sentence and number, and whether it may pass."""

from __future__ import annotations

import pycurl

from heliostat.os.tdnf.errors import CURL, SIZE_MISMATCH, TdnfError

_LAST_CODE = 98
# answers after which asking the same address again may help
_PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)
_PASSING = (
    pycurl.E_PARTIAL_FILE,
    pycurl.E_RECV_ERROR,
    pycurl.E_SEND_ERROR,
    pycurl.E_GOT_NOTHING,
    pycurl.E_OPERATION_TIMEDOUT,
    pycurl.E_HTTP2,
    92,  # a stream of HTTP/2 was reset; this pycurl has no name for it
)
_STATUS_TOLD = {
    401: "it wants another username and password",
    403: "it may not be read",
    404: "it isn't there",
    407: "the proxy wants another username and password",
    410: "it is gone",
    429: "too many requests",
    503: "the server is busy",
}
_PROXY_HINT = "See proxy, proxy_username and proxy_password."
_HINTS = {
    401: "See username and password of the repository.",
    404: "The mirror may be old, or baseurl is wrong: tdnf --refresh asks for newer metadata.",
    407: _PROXY_HINT,
}
_TLS_HINT = "See sslcacert, sslclientcert and sslclientkey, and the machine's clock."
_CODE_HINTS = {
    5: _PROXY_HINT,
    6: "The name is wrong, or there is no network: see baseurl, and /etc/resolv.conf.",
    7: "Nothing listens there, or a firewall is between: see baseurl and proxy.",
    28: "Another mirror, or a larger timeout or a smaller minrate may help.",
    35: _TLS_HINT,
    47: "The server sends from one address to the next without end: see baseurl.",
    58: _TLS_HINT,
    60: _TLS_HINT,
    77: _TLS_HINT,
    97: _PROXY_HINT,
}


class Failure:
    """One attempt that failed: what to tell, and whether it may be otherwise next time.

    ``later_s`` is how long the server wants not to be asked again.
    """

    __slots__ = ("cost", "error", "later_s", "passing")

    def __init__(
        self, error: TdnfError, *, passing: bool = False, cost: int = 1, later_s: float = 0.0
    ) -> None:
        self.error = error
        self.passing = passing
        self.cost = cost
        self.later_s = later_s


def failure(address: str, code: int, words: str, status: int, later_s: float = 0.0) -> Failure:
    """libcurl's ``code`` with its ``words``, and the server's ``status`` (0: none).

    ``later_s`` is what the server's ``Retry-After`` says.
    """
    shown = without_password(address)
    number = CURL + min(code, _LAST_CODE)
    if code == pycurl.E_HTTP_RETURNED_ERROR:
        why = f" ({_STATUS_TOLD[status]})" if status in _STATUS_TOLD else ""
        if later_s:
            why += f" and wants to be asked again after {later_s:.0f} s"
        error = TdnfError(number, f"{shown} answered {status}{why}.", _HINTS.get(status, ""))
        return Failure(error, passing=status in _PASSING_STATUS, later_s=later_s)
    if code == pycurl.E_FILESIZE_EXCEEDED:
        return Failure(TdnfError(SIZE_MISMATCH, f"{shown} is larger than it may be."))
    if code == pycurl.E_UNSUPPORTED_PROTOCOL and address.startswith("https:"):
        told = f"{shown} sends on to an address without TLS."
        hint = "sslverify=0 of the repository would accept that."
        return Failure(TdnfError(number, told, hint))
    told = f"{shown} can't be had: {words or f'code {code} of libcurl'}."
    # a silence has lasted half a minute already: fewer of them are waited for
    cost = 3 if code == pycurl.E_OPERATION_TIMEDOUT else 1
    error = TdnfError(number, told, _CODE_HINTS.get(code, ""))
    return Failure(error, passing=code in _PASSING, cost=cost)


def seconds_until(later: bytes) -> float:
    """What ``Retry-After`` means: seconds or a date (RFC 9110, 10.2.3); 0 for anything else."""
    text = later.decode("latin-1")
    if text.isdecimal():
        return float(text)
    if not text:
        return 0.0
    # few servers send dates
    from email.utils import parsedate_to_datetime
    from time import time

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except ValueError:
        return 0.0


def without_password(address: str) -> str:
    """``address`` as it may be shown."""
    scheme, separator, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    owner, at, host = place.rpartition("@")
    return f"{scheme}{separator}***@{host}{slash}{path}" if at and owner else address
