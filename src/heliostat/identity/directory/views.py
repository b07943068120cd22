"""What the directory answers: entities with names spelled out and nothing secret."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserView:
    """A person; ``groups`` are the effective ones, as ``DOMAIN\\name``, sorted."""

    name: str
    subject: str
    disabled: bool
    created_ms: int
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group; people and accounts in ``members`` are ``name@domain``, groups ``DOMAIN\\name``."""

    name: str
    security_group: str
    description: str
    members: tuple[str, ...]
    built_in: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class AccountView:
    """A service account; ``client_id`` is what it signs in as."""

    name: str
    client_id: str
    subject: str
    groups: tuple[str, ...]
    created_ms: int


@dataclass(frozen=True, slots=True)
class ClientView:
    """A program that asks for tokens; ``grants`` as OAuth spells them."""

    name: str
    grants: tuple[str, ...]
    algorithm: str
    rotate_refresh: bool
    title: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    created_ms: int = 0
