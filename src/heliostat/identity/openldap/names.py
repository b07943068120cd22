"""Distinguished names and filters: where everything lies, and how values are written safely.

One database holds the site: the system's domain is its suffix (``dc=heliostat,dc=local``),
other tenants are subtrees below ``ou=tenants``.  Every value that comes from outside goes
through ``rdn`` or ``escaped`` (RFC 4514 and RFC 4515); nothing else puts text into a name.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r'([,+"\\<>;])')
_IN_FILTERS = re.compile(r"[*()\\\x00]")
PEOPLE, GROUPS, ACCOUNTS = "people", "groups", "services"
POLICIES, UNITS, COMPUTERS = "policies", "units", "computers"


def rdn(attribute: str, value: str) -> str:
    """``attribute=value`` as the first part of a name (RFC 4514, 2.4)."""
    text = _SPECIAL.sub(r"\\\1", value).replace("\x00", "\\00").replace("\n", "\\0a")
    if text.startswith(("#", " ")):
        text = "\\" + text
    if text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1] + "\\ "
    return f"{attribute}={text}"


def escaped(value: str) -> str:
    """``value`` as it stands in a filter (RFC 4515, 3)."""
    return _IN_FILTERS.sub(lambda found: f"\\{ord(found[0]):02x}", value)


def suffix_of(domain: str) -> str:
    """The database's suffix: the system's domain, label by label."""
    return ",".join(rdn("dc", label) for label in domain.casefold().split("."))


def base_of(suffix: str, tenant: str, *, system: bool) -> str:
    """Where a tenant's people and groups begin."""
    return suffix if system else f"{rdn('o', tenant)},ou=tenants,{suffix}"


def controller_dn(suffix: str) -> str:
    """Who writes: the controllers, by certificate or as the owner of the node's process."""
    return f"cn=controller,{suffix}"


def replicators_dn(suffix: str) -> str:
    """What all that copy lie below."""
    return f"cn=replicator,{suffix}"


def replicator_dn(suffix: str, identity: str) -> str:
    """Who copies: a node, by certificate."""
    return f"{rdn('cn', identity)},{replicators_dn(suffix)}"
