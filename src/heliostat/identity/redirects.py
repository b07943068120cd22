"""Where a browser may be sent with a code.  Pure.

After RFC 9700 (2.1) and RFC 8252 (7, 8.3): exact comparison, but for the port of programs that
listen on the loopback address; https, except there and for schemes that belong to an
application (reverse domain names).
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from heliostat.core.errors import PermanentError

LONGEST = 2000
_HOST = re.compile(r"([A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")


def checked_redirect(uri: str) -> str:
    """``uri`` as one to register; raises ``InvalidEntity``."""
    why = _fault(uri)
    if why:
        raise PermanentError(
            "InvalidEntity",
            f"{uri[:80]!r} can't be redirected to: {why}.",
            hint="Use https://…, http://127.0.0.1/…, or an application's own scheme "
            "such as org.example.app:/signed-in.",
        )
    return uri


def checked_service(uri: str) -> str:
    """``uri`` as one that a program answers requests at; raises ``InvalidEntity``."""
    checked_redirect(uri)
    if urlsplit(uri).scheme not in ("https", "http"):
        raise PermanentError("InvalidEntity", f"{uri[:80]!r} is no address of a program.")
    return uri


def is_registered(uri: str, registered: tuple[str, ...]) -> bool:
    """Whether ``uri`` is one of the client's."""
    if uri in registered:
        return True
    if _fault(uri) or not _on_loopback(uri):
        return False
    return any(_on_loopback(each) and _portless(each) == _portless(uri) for each in registered)


def with_answer(uri: str, answer: dict[str, str]) -> str:
    """``uri`` with the answer's fields in its query; what was registered stays as it is."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"


def origin_of(uri: str) -> str:
    """Scheme and host, as a content security policy names them."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _fault(uri: str) -> str:
    if len(uri) > LONGEST or not uri.isascii() or any(each <= " " or each == "\\" for each in uri):
        return "it has characters that addresses don't have, or too many"
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return "it is no address"
    if parts.fragment or "#" in uri:
        return "it has a fragment"
    if "@" in parts.netloc:
        return "it names a user"
    if not _HOST.fullmatch(parts.netloc):
        return "its host has characters that names of hosts don't have"
    if parts.scheme == "https":
        return "" if parts.hostname else "it names no host"
    if parts.scheme == "http":
        return "" if _on_loopback(uri) else "only the loopback address does without TLS"
    if not parts.scheme:
        return "it has no scheme"
    return "" if "." in parts.scheme else f"the scheme {parts.scheme[:20]!r} is nobody's own"


def _on_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _portless(uri: str) -> tuple[str, str | None, str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.path, parts.query
