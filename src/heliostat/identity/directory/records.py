"""What the directory keeps: people, groups, units, computers, and the programs among them.

Keys are the tenant's id and folded names, so that a commit's guards make names unique within
a tenant.  Passwords are kept as hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.clients.records import Client, clients_of
from heliostat.identity.names import fold


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person.  ``stamp`` changes when sessions must end: sign-ins remember it.

    ``password_set_ms`` is 0 where it was not kept yet; ``former`` are hashes of passwords
    that may not come again, the latest first.
    ``unit`` is an organisational unit's id (empty: the container), ``number`` the uid.
    """

    name: str
    stamp: str
    password_hash: str
    disabled: bool = False
    created_ms: int = 0
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    password_set_ms: int = 0
    must_change: bool = False
    former: tuple[str, ...] = ()
    kerberos_keys: str = ""
    description: str = ""
    unit: str = ""
    number: int = 0
    ssh_public_keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    schema: int = 1


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group; members are ``user:<key>``, ``group:<key>`` and ``account:<key>``, sorted."""

    name: str
    description: str = ""
    members: tuple[str, ...] = ()
    built_in: bool = False
    created_ms: int = 0
    unit: str = ""
    number: int = 0
    schema: int = 1


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """An organisational unit in the one with the id ``parent`` (empty: in the domain itself)."""

    id: str
    name: str
    parent: str = ""
    description: str = ""
    created_ms: int = 0
    schema: int = 1


class Computer(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of the domain; the fingerprint is of the certificate that it proves itself with.

    ``next_certificate_sha256`` is of one that was issued and not shown yet.  ``password_hash`` is
    of what it binds with over LDAP, a random secret.  ``project`` and ``vm`` are ids in the
    cloud, of a machine that the platform runs.
    """

    name: str
    operating_system: str = ""
    certificate_sha256: str = ""
    next_certificate_sha256: str = ""
    password_hash: str = ""
    project: str = ""
    vm: str = ""
    description: str = ""
    disabled: bool = False
    unit: str = ""
    created_ms: int = 0
    last_seen_ms: int = 0
    schema: int = 1


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The first POSIX number that nobody has had yet."""

    id: str
    next: int
    schema: int = 1


@dataclass(frozen=True, slots=True)
class DirectoryKinds:
    """Where a tenant's entries lie: ``/v1/user/<tenant>/<name>`` and so on."""

    users: Kind[User]
    groups: Kind[Group]
    clients: Kind[Client]
    units: Kind[Unit]
    computers: Kind[Computer]
    numbers: Kind[Numbers]

    @classmethod
    def of(cls, tenant_id: str) -> Self:
        """Those of the tenant with this id."""
        return cls(
            users=users_of(tenant_id),
            groups=groups_of(tenant_id),
            clients=clients_of(tenant_id),
            units=units_of(tenant_id),
            computers=computers_of(tenant_id),
            numbers=Kind(f"posix-number/{tenant_id}", Numbers),
        )

    @property
    def indexed(self) -> tuple[Kind[Any], ...]:
        """Entries: what is found by more than its name."""
        return (self.users, self.groups, self.clients, self.units, self.computers)

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them."""
        return (*self.indexed, self.numbers)


def users_of(tenant_id: str) -> Kind[User]:
    """A tenant's people, by folded name, address, number and unit."""
    return Kind(
        f"user/{tenant_id}",
        User,
        identify=lambda user: fold(user.name),
        indexes={
            "email": lambda user: fold(user.email) or (),
            "number": lambda user: str(user.number) if user.number else (),
            "unit": lambda user: user.unit or (),
        },
    )


def groups_of(tenant_id: str) -> Kind[Group]:
    """A tenant's groups, by folded name, member, number and unit."""
    return Kind(
        f"group/{tenant_id}",
        Group,
        identify=lambda group: fold(group.name),
        indexes={
            "member": lambda group: group.members,
            "number": lambda group: str(group.number) if group.number else (),
            "unit": lambda group: group.unit or (),
        },
    )


def units_of(tenant_id: str) -> Kind[Unit]:
    """A tenant's organisational units, by id, the unit above and what they are called there."""
    return Kind(
        f"unit/{tenant_id}",
        Unit,
        indexes={
            "parent": lambda unit: unit.parent or (),
            "place": lambda unit: place_of(unit.parent, unit.name),
        },
    )


def computers_of(tenant_id: str) -> Kind[Computer]:
    """A tenant's machines, by folded name, certificate and unit."""
    return Kind(
        f"computer/{tenant_id}",
        Computer,
        identify=lambda computer: fold(computer.name),
        indexes={
            "certificate": lambda computer: tuple(
                filter(None, (computer.certificate_sha256, computer.next_certificate_sha256))
            ),
            "unit": lambda computer: computer.unit or (),
        },
    )


def place_of(parent: str, name: str) -> str:
    """What no two units have alike: where one lies and what it is called."""
    return f"{parent}/{fold(name)}"
