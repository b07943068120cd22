"""What a tenant's intermediate signs: rules for people and programs, and those of ACME."""

from __future__ import annotations

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may have what; empty lists allow nothing, an empty ``groups`` administrators only.

    ``names``: ``www.acme.example``; ``*.acme.example`` (one label); ``**.acme.example`` (any
    number of them); ``{user}`` is the caller's name.  ``everybody``: whoever signs in.
    """

    title: str
    groups: tuple[str, ...] = ()
    everybody: bool = False
    names: tuple[str, ...] = ()
    wildcards: bool = False
    addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    subject: tuple[str, ...] = ("CN",)
    keys: tuple[str, ...] = ("P-256", "P-384", "Ed25519", "RSA")
    rsa_bits_least: int = 2048
    rsa_bits_most: int = 4096
    usages: tuple[str, ...] = ("serverAuth", "clientAuth")
    longest_days: int = 90


class AcmeRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may use ACME, and for what; ``binding``: only with a key that was handed out."""

    enabled: bool = True
    binding: bool = True
    names: tuple[str, ...] = ()
    wildcards: bool = True
    challenges: tuple[str, ...] = ("http-01", "dns-01", "tls-alpn-01", "host-01")
    orders_an_hour: int = 300
    longest_days: int = 90


class CertificatePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tenant's intermediate signs."""

    rules: tuple[Rule, ...] = ()
    acme: AcmeRules = AcmeRules()
    id: str = "policy"
    schema: int = 1
