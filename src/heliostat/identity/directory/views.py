"""What the directory answers: entities with names spelled out and nothing secret.

``unit`` is always the path of the organisational unit that holds it; numbers are those of
POSIX, given once and to nobody else afterwards (0: none yet).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UserView:
    """A person; ``groups`` are the effective ones, as ``DOMAIN\\name``, sorted.

    ``number`` is the user's uid and the gid of a group of one.  ``certificates`` are PEM.
    """

    name: str
    subject: str
    disabled: bool
    created_ms: int
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    description: str = ""
    unit: str = ""
    number: int = 0
    ssh_public_keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group; people and accounts in ``members`` are ``name@domain``, groups ``DOMAIN\\name``."""

    name: str
    security_group: str
    description: str
    members: tuple[str, ...]
    built_in: bool
    created_ms: int
    unit: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class AccountKeyView:
    """A key of a service account; ``expires_ms`` 0: it does not end by itself.

    ``last_used_ms`` is true to the hour (0: not yet, or not asked for).
    """

    kid: str
    algorithm: str
    public_pem: str
    title: str
    created_ms: int
    expires_ms: int
    last_used_ms: int = 0


@dataclass(frozen=True, slots=True)
class AccountCertificateView:
    """A certificate that was registered on a service account; times as a key's."""

    sha256: str
    subject: str
    pem: str
    created_ms: int
    expires_ms: int
    last_used_ms: int = 0


@dataclass(frozen=True, slots=True)
class AccountView:
    """A service account; ``client_id`` is what it signs in as.

    ``last_used_ms`` is of all that it proves itself with, to the hour.
    """

    name: str
    client_id: str
    subject: str
    groups: tuple[str, ...]
    created_ms: int
    unit: str = ""
    description: str = ""
    disabled: bool = False
    keys: tuple[AccountKeyView, ...] = ()
    certificates: tuple[AccountCertificateView, ...] = ()
    last_used_ms: int = 0


@dataclass(frozen=True, slots=True)
class UnitView:
    """An organisational unit; ``path`` is its name after those of the units around it."""

    path: str
    name: str
    description: str
    built_in: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class ComputerView:
    """A machine; ``certificate_sha256`` (hex) is of the certificate that it proves itself with."""

    name: str
    operating_system: str
    certificate_sha256: str
    description: str
    disabled: bool
    unit: str
    created_ms: int
    last_seen_ms: int = 0
    project: str = ""
    vm: str = ""


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """A page, in the order of folded names; ``after`` goes on (empty: there is no more).

    Who goes on meets nothing twice, and everything that was there all the time.
    """

    items: Sequence[T]
    after: str


@dataclass(frozen=True, slots=True)
class ClientView:
    """A program that asks for tokens; ``grants`` as OAuth spells them.

    ``secret`` is one that was just made, and is nowhere kept.
    """

    name: str
    grants: tuple[str, ...]
    algorithm: str
    rotate_refresh: bool
    title: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    created_ms: int = 0
    authentication: str = "none"
    scopes: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    access_s: int = 0
    refresh_s: int = 0
    consent: bool = False
    frontchannel_logout_uri: str = ""
    backchannel_logout_uri: str = ""
    logout_session_required: bool = False
    exchanges: tuple[str, ...] = ()
    impersonates: bool = False
    group_filter: tuple[str, ...] = ()
    secret: str = ""
