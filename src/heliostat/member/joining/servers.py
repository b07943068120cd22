"""Whom a member asks, as its controller tells it: directory and Kerberos realm."""

from __future__ import annotations

import re
from dataclasses import dataclass

from heliostat.member.joining.lines import unwritable

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class DirectoryServers:
    """Where a domain is read; ``backup`` are those of other sites.

    ``base`` is the suffix, such as ``dc=acme,dc=example``; the machine binds as ``bind_dn`` with
    ``secret``.
    """

    servers: tuple[str, ...]
    base: str
    bind_dn: str
    secret: str
    backup: tuple[str, ...] = ()
    disabled: str = "accountDisabled"
    """The attribute that is TRUE of people who may not sign in."""

    def __post_init__(self) -> None:
        if _ATTRIBUTE.fullmatch(self.disabled) is None:
            raise unwritable(self.disabled)


@dataclass(frozen=True, slots=True)
class KerberosServers:
    """Where tickets come from, and passwords are changed: ``host:port`` each.

    ``service`` is what the machine may have a key of (empty: none), ``key`` the name of the latest
    that was made.  ``log_in``: passwords are checked in the realm.
    """

    realm: str
    servers: tuple[str, ...]
    password_servers: tuple[str, ...] = ()
    service: str = ""
    key: str = ""
    log_in: bool = False


def suffix_of(domain: str) -> str:
    """The base of a domain's directory.

    >>> suffix_of("acme.example")
    'dc=acme,dc=example'
    """
    return ",".join(f"dc={label}" for label in domain.split("."))
