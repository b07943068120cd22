"""Who a provider says somebody is, and what follows for us.  Pure.

Nothing is concluded from a name or an address that somebody there may choose: those only
become what the user here is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from heliostat.core.errors import PermanentError
from heliostat.identity.federation.records import ClaimMap, GroupRule, Provider
from heliostat.identity.names import fold, is_name

MOST_GROUPS = 500
LONGEST = 200
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Outsider:
    """One of a provider's people, as its signed answer tells."""

    issuer: str
    subject: str
    name: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    email_verified: bool = False
    groups: tuple[str, ...] = ()
    two_factors: bool = False


def outsider_of(issuer: str, claims: Mapping[str, Any], wanted: ClaimMap) -> Outsider:
    """What the claims of an id token tell; what has another shape than it should is left out."""
    email = _text(claims, wanted.email)
    methods = claims.get("amr")
    return Outsider(
        issuer=issuer,
        subject=str(claims["sub"]),
        name=_text(claims, wanted.name),
        given_name=_text(claims, wanted.given_name),
        family_name=_text(claims, wanted.family_name),
        email=email if "@" in email else "",
        email_verified=claims.get("email_verified") is True,
        groups=_texts(claims, wanted.groups),
        two_factors="mfa" in methods if isinstance(methods, list) else False,
    )


def refuse_stranger(provider: Provider, outsider: Outsider) -> None:
    """Raises ``ProviderRefused`` for somebody whom the provider's settings keep out."""
    if not provider.email_domains:
        return
    _, _, domain = outsider.email.rpartition("@")
    if not outsider.email_verified or fold(domain) not in map(fold, provider.email_domains):
        raise PermanentError(
            "ProviderRefused",
            f"People of {provider.title} need a proven address in "
            f"{', '.join(provider.email_domains)}.",
        )


def called(outsider: Outsider) -> str:
    """A name for a new user: what the provider calls them, as far as names here allow."""
    for each in (outsider.name, outsider.email, outsider.subject):
        plain = _UNFIT.sub("-", each.partition("@")[0]).strip("-._")[:40]
        name = plain if is_name(plain) else f"u-{plain}"
        if plain and is_name(name):
            return fold(name)
    return "u-guest"


def mapped(rules: Iterable[GroupRule], outsider: Outsider) -> frozenset[str]:
    """The groups here that follow from those there."""
    return frozenset(
        rule.group
        for rule in rules
        if any(fnmatchcase(group, rule.value) for group in outsider.groups)
    )


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if not path:
        return None
    if path in claims:  # some providers' names have dots or slashes of their own
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(claims: Mapping[str, Any], path: str) -> str:
    value = _at(claims, path)
    plain = value if isinstance(value, str) else ""
    return "".join(each for each in plain if each.isprintable())[:LONGEST]


def _texts(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    value = _at(claims, path)
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in values if isinstance(each, str))[:MOST_GROUPS]
