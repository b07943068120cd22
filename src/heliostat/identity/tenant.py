"""A tenant: how it is kept, found and spelled, and what counts in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions

_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
MAX_DOMAIN = 253


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A domain beside the system's; the site's rules count in it."""

    id: str
    domain: str
    description: str = ""
    deleting: bool = False
    created_ms: int = 0
    schema: int = 1


TENANTS = Kind("directory-tenant", Tenant, indexes={"domain": lambda tenant: fold(tenant.domain)})


@dataclass(frozen=True, slots=True)
class TenantView:
    """A tenant as it is told; ``system`` is the one that administers the site."""

    domain: str
    issuer: str
    description: str
    system: bool
    created_ms: int

    @property
    def name(self) -> str:
        """Lists are in the order of names."""
        return self.domain


async def find_tenant(store: CloudStore, domain: str) -> Stored[Tenant] | None:
    """The tenant with this domain that people may sign in to; never the system's."""
    key = fold(domain)
    if len(key) > MAX_DOMAIN or not key.isascii():
        return None  # nor are there keys for everything that a path or a token may name
    for stored in await TENANTS.by_index(store, "domain", key):
        if not stored.value.deleting:
            return stored
    return None


def options_of(tenant: Tenant, site: IdentityOptions) -> IdentityOptions:
    """The site's options with the tenant's domain."""
    return replace(
        site,
        domain=tenant.domain,
        tenant=tenant.id,
    )


def checked_domain(text: str) -> str:
    """``text`` as a domain for something new, folded; raises ``InvalidName``."""
    domain = fold(text)
    if len(domain) > MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
        raise PermanentError(
            "InvalidName",
            f"{text[:80]!r} is no domain.",
            hint="Use DNS labels, such as acme.example: letters, digits and hyphens.",
        )
    return domain


def no_tenant(domain: str) -> PermanentError:
    """The error for a domain that no tenant has."""
    return PermanentError(
        "TenantNotFound",
        f"There is no sign-in for {domain[:80]!r}.",
        hint="`helio identity tenant list` shows the tenants; /v1/system/auth the site's own.",
    )
