"""What passkeys of a site are bound to: its name, and the addresses it is asked at.  Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from heliostat.identity.options import IdentityOptions


def site_of(options: IdentityOptions) -> str:
    """The name that passkeys here are bound to (rp id); empty where none can be."""
    host = urlsplit(options.base_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host
    return ""


def origins_of(options: IdentityOptions, site: str) -> list[str]:
    """Where a browser may say that it was asked: the site's own addresses, exactly."""
    parts = (urlsplit(url) for url in (options.base_url, *options.other_urls))
    return [f"{each.scheme}://{each.netloc}" for each in parts if each.hostname == site]
