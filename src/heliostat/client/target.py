"""Where a controller is: ``https://host:port`` or ``unix:/path/controller.sock``.

Plain ``http://`` is taken only for the machine itself, because a bearer token
must not travel in the clear.  A target is a value: parsed once, never changed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from heliostat.core.errors import HeliostatError

_SOCKET_BASE = "http://localhost"


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address; ``socket`` is the path of a Unix socket, else empty."""

    url: str
    socket: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read an address as a user types it; raises ``InvalidSetting``."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if path.startswith("//"):
                path = path.removeprefix("//")
            if not path.startswith("/"):
                raise _invalid(text, "the path of a Unix socket starts with /")
            return cls(_SOCKET_BASE, path)
        if "://" not in text:
            text = f"https://{text}"
        return cls(_checked(text))

    @property
    def is_local(self) -> bool:
        """Whether the controller is on this machine, so that no proxy lies between."""
        return bool(self.socket) or _is_loopback(urlsplit(self.url).hostname or "")

    @property
    def websocket_url(self) -> str:
        """The same place for WebSockets (without a path)."""
        return "ws" + self.url.removeprefix("http")

    def __str__(self) -> str:
        return f"unix:{self.socket}" if self.socket else self.url


def _checked(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _invalid(text, str(error)) from error
    if parts.scheme not in ("https", "http"):
        raise _invalid(text, f"{parts.scheme} is no scheme that a controller speaks")
    if not host:
        raise _invalid(text, "it names no host")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise _invalid(text, "only scheme, host and port belong in it")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _invalid(text, "http:// would send the token in the clear; use https://")
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _invalid(text: str, why: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting",
        f"The target {text!r} is not an address of a controller: {why}.",
        hint="Write https://HOST:PORT, or unix:/path/controller.sock on the machine itself.",
    )
