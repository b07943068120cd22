"""Names of services in a realm: ``HTTP/web.acme.example``.  Pure."""

from __future__ import annotations

import re

from heliostat.core.errors import PermanentError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_RESERVED = frozenset({"krbtgt", "kadmin", "k"})


def is_service(name: str) -> bool:
    """Whether a service could have this name."""
    return bool(_NAME.fullmatch(name)) and name.partition("/")[0].casefold() not in _RESERVED


def checked_service(name: str) -> str:
    """Raises ``InvalidName``."""
    kind, _, host = name.partition("/")
    folded = f"{kind}/{host.casefold()}"
    if not is_service(folded):
        raise PermanentError(
            "InvalidName",
            f"{name[:80]!r} is no service.",
            hint="Write KIND/HOST, such as HTTP/web.acme.example.",
        )
    return folded
