"""What is kept of an identity source: where it is, how to sign in to it, what its words mean.

A source's domain is unique in the whole site, because groups are named by it wherever people
are let in.  Secrets are sealed; nothing of them is ever shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.names import fold

PASSWORD_PLACE = "identity-source/{id}/password"  # noqa: S105 - where one is sealed for
KEY_PLACE = "identity-source/{id}/key"


class SourceKind(StrEnum):
    """Whose words a directory uses."""

    LDAP = "ldap"
    ACTIVE_DIRECTORY = "active-directory"

    @property
    def knows_chains(self) -> bool:
        """Whether the server itself follows groups in groups."""
        return self is SourceKind.ACTIVE_DIRECTORY

    @property
    def locks_by_domain(self) -> bool:
        """Whether the domain's entry says when somebody is locked out."""
        return self is SourceKind.ACTIVE_DIRECTORY

    @property
    def names_are_unique(self) -> bool:
        """Whether no group has a person's name, so that a person may count as a group of one."""
        return self is SourceKind.ACTIVE_DIRECTORY


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A directory elsewhere that a tenant signs people in from.

    ``attributes`` are the tenant's own words over those of the kind; ``bind_password`` and
    ``bind_key`` are sealed.
    """

    id: str
    domain: str
    kind: SourceKind
    urls: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    start_tls: bool = False
    plain: bool = False
    roots_pem: str = ""
    bind_dn: str = ""
    bind_password: str = ""
    bind_certificate_pem: str = ""
    bind_key: str = ""
    people_base: str = ""
    groups_base: str = ""
    people_filter: str = ""
    groups_filter: str = ""
    nested: bool = True
    attributes: dict[str, str] = {}
    timeout_s: float = 5.0
    default: bool = False
    description: str = ""
    created_ms: int = 0
    changed_ms: int = 0
    schema: int = 1

    @property
    def name(self) -> str:
        """Lists are in the order of names."""
        return self.domain

    @property
    def spellings(self) -> frozenset[str]:
        """What may stand before a backslash or behind an @, folded."""
        return frozenset(map(fold, (self.domain, *self.aliases)))


class SourceDomain(msgspec.Struct, frozen=True, kw_only=True):
    """That a domain is a source's: whoever makes a tenant or a source of that name is refused."""

    domain: str
    tenant: str
    source: str
    schema: int = 1


SOURCE_DOMAINS = Kind(
    "source-domain",
    SourceDomain,
    indexes={"tenant": lambda claimed: claimed.tenant},
    identify=lambda claimed: fold(claimed.domain),
)

DEFAULTS: Mapping[SourceKind, Mapping[str, str]] = {
    SourceKind.ACTIVE_DIRECTORY: {
        "name": "sAMAccountName",
        "principal": "userPrincipalName",
        "id": "objectGUID",
        "givenName": "givenName",
        "familyName": "sn",
        "email": "mail",
        "passwordChanged": "pwdLastSet",
        "groupName": "sAMAccountName",
        "groupId": "objectGUID",
        "groupMember": "member",
    },
    SourceKind.LDAP: {
        "name": "uid",
        "principal": "",
        "id": "entryUUID",
        "givenName": "givenName",
        "familyName": "sn",
        "email": "mail",
        "passwordChanged": "pwdChangedTime",
        "groupName": "cn",
        "groupId": "entryUUID",
        "groupMember": "member",
    },
}
"""What each kind of directory calls what we need; a source may say otherwise."""

NAMES_PEOPLE = "memberUid"
"""The attribute whose values are names, not entries (RFC 2307)."""

PEOPLE_FILTERS = {
    SourceKind.ACTIVE_DIRECTORY: "(&(objectCategory=person)(objectClass=user))",
    SourceKind.LDAP: "(objectClass=person)",
}
GROUPS_FILTERS = {
    # security groups only: who is written to is not who is let in
    SourceKind.ACTIVE_DIRECTORY: "(&(objectClass=group)"
    "(groupType:1.2.840.113556.1.4.803:=2147483648))",
    SourceKind.LDAP: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)"
    "(objectClass=posixGroup))",
}


def attribute(source: Source, meaning: str) -> str:
    """What ``source`` calls this; empty where it has no such thing."""
    return source.attributes.get(meaning, DEFAULTS[source.kind][meaning])


def people_filter(source: Source) -> str:
    return source.people_filter or PEOPLE_FILTERS[source.kind]


def groups_filter(source: Source) -> str:
    return source.groups_filter or GROUPS_FILTERS[source.kind]


def key_of(entry_id: str, source: Source) -> str:
    """The key of a person of this source, ``<entry id>@<domain>``: it outlives a new name."""
    return f"{entry_id}@{source.domain}"
