"""What certificates call a service account: a SPIFFE id, which nothing else gets.  Pure."""

from __future__ import annotations

VIA = "service-account"
"""How the register says that a certificate was issued for an account."""


def account_uri(domain: str, name: str) -> str:
    """An account's name in the world.

    >>> account_uri("acme.example", "ci")
    'spiffe://acme.example/service-account/ci'
    """
    return f"spiffe://{domain}/{VIA}/{name}"
