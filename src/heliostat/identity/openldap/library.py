"""python-ldap, when it is first needed: no process that has no LDAP pays for it."""

from __future__ import annotations

from typing import Any

from heliostat.core.errors import PermanentError


def ldap_library() -> Any:
    """The module ``ldap``; raises ``NotInstalled`` naming its package."""
    try:
        import ldap
        import ldap.controls
        import ldap.modlist
    except ImportError as error:
        raise PermanentError(
            "NotInstalled",
            f"The LDAP library of Python is not installed on this machine: {error}.",
            hint="Install the Debian package python3-ldap and try again.",
        ) from error
    return ldap
