"""Patterns of names in a policy's rules, and what they match.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

from heliostat.identity.authority.rules import Rule
from heliostat.identity.names import fold


def name_matches(pattern: str, name: str) -> bool:
    """Whether a DNS name is one of a pattern's; ``name`` may be a wildcard itself."""
    name = name.removeprefix("*.")
    if pattern.startswith("**."):
        return name.endswith(pattern[2:]) and len(name) > len(pattern) - 2
    if pattern.startswith("*."):
        first, _, rest = name.partition(".")
        return bool(first) and rest == pattern[2:]
    return name == pattern


def allowed(rule: Rule, name: str, user: str) -> bool:
    kind, _, value = name.partition(":")
    if kind == "dns":
        if value.startswith("*.") and not rule.wildcards:
            return False
        return any(name_matches(each, value) for each in filled(rule.names, user))
    if kind == "ip":
        return any(ip_address(value) in ip_network(each) for each in rule.addresses)
    if kind == "email":
        return any(fnmatchcase(value, each) for each in filled(rule.emails, user))
    return any(fnmatchcase(value, each) for each in filled(rule.uris, user))


def filled(patterns: Iterable[str], user: str) -> Iterable[str]:
    """Patterns for one caller; those about the caller mean nothing without a name."""
    plain = user.lower() if user and "*" not in user else ""
    for pattern in patterns:
        if "{user}" not in pattern:
            yield pattern
        elif plain:
            yield pattern.replace("{user}", plain)


def is_listed(common: str, names: Sequence[str]) -> bool:
    folded = fold(common)
    return any(name.partition(":")[2] in (common, folded) for name in names)
