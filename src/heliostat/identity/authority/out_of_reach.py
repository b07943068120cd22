"""Names that no rule can give: the platform's, those of machines, those of other domains.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from heliostat.identity.authority.alternative_names import is_well_formed
from heliostat.identity.authority.patterns import is_listed
from heliostat.identity.authority.requests import Requested
from heliostat.identity.names import fold

HOST_URI = "heliostat:"
"""URIs that name hosts of the platform; nobody but the platform gets them."""
VOUCHED = ("machine", "project", "service-account")
"""Where SPIFFE ids of a domain begin that are given by machines, and to accounts, alone."""


def reserved_name(requested: Requested, reserved: Iterable[str]) -> str | None:
    taken = {fold(each) for each in reserved}
    common = fold(requested.common_name)
    for name in (*requested.names, f"dns:{common}"):
        kind, _, value = name.partition(":")
        value = fold(value)
        if value in taken or (kind == "uri" and value.startswith(HOST_URI)):
            return value
        if value.startswith("*.") and any(each.partition(".")[2] == value[2:] for each in taken):
            return value
    return None


def vouched_name(requested: Requested, domain: str) -> str | None:
    begins = tuple(fold(f"uri:spiffe://{domain}/{each}/") for each in VOUCHED)
    for name in requested.names:
        if fold(unquote(name)).startswith(begins):
            return name.partition(":")[2]
    return None


def outside_name(requested: Requested, domain: str) -> str | None:
    names, common = list(requested.names), requested.common_name
    as_name = f"email:{common}" if "@" in common else f"dns:{fold(common)}"
    if not is_listed(common, names) and is_well_formed(as_name):
        names.append(as_name)  # alone it becomes one, and beside others some still look there
    for name in names:
        kind, _, value = name.partition(":")
        if kind == "uri":
            host = (urlsplit(value).hostname or "") if "://" in value else ""
        else:
            host = value.rpartition("@")[2].removeprefix("*.")
        if kind == "ip" or not (host == domain or host.endswith(f".{domain}")):
            return value
    return None
