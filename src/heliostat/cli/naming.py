"""From what people type (a name or an id) to the id that the API takes.

A name is looked up where it lives: a project in its tenant, a VM in its project.
Tenant and project come from options, the environment, or the profile
(``helio project use``); where only one is visible, that one is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar

import click

from heliostat.cli.session import Session
from heliostat.client.quotas import QuotaOwner
from heliostat.core.errors import HeliostatError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Named(Protocol):
    """What can be found by name."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def is_id(text: str) -> bool:
    """Whether it is an id already; names that look like one have to be given by id."""
    return _UUID.fullmatch(text) is not None


def choose(
    kind: str, name: str, found: Iterable[Named], code: str, *, hint: str | None = None
) -> str:
    """The id of the one that is called ``name``; raises ``code`` or ``InvalidName`` otherwise."""
    ids = [item.id for item in found if item.name == name]
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise HeliostatError(code, f"There is no {kind} {name!r}.", hint=hint)
    raise HeliostatError(
        "AmbiguousName",
        f"{len(ids)} {kind}s are called {name!r}: {', '.join(ids)}.",
        data={"ids": ids},
    )


def tenant_id(session: Session, given: str | None) -> str:
    """The tenant meant: as given, by the environment, by the profile, or the only one."""
    named = given or session.environ.get("HELIO_TENANT") or _context(session, "tenant")
    if not named:
        return _only(session.client.tenants.list(), "tenant", "--tenant")
    if is_id(named):
        return named
    found = session.client.tenants.list(name=named)
    return choose("tenant", named, found, "TenantNotFound")


def project_id(session: Session, given: str | None, tenant: str | None) -> str:
    """The project meant, found like the tenant."""
    named = given or session.environ.get("HELIO_PROJECT")
    if not named and not tenant:
        named = _context(session, "project")
    if named and is_id(named):
        return named
    owner = tenant_id(session, tenant)
    if not named:
        return _only(session.client.projects.list(owner), "project", "--project")
    found = session.client.projects.list(owner, name=named)
    return choose("project", named, found, "ProjectNotFound")


def vm_id(session: Session, given: str, project: str | None, tenant: str | None) -> str:
    if is_id(given):
        return given
    found = session.client.vms.list(project_id(session, project, tenant), name=given)
    return choose("VM", given, found, "VmNotFound")


def disk_id(session: Session, given: str, project: str | None, tenant: str | None) -> str:
    if is_id(given):
        return given
    found = session.client.disks.list(project_id(session, project, tenant), name=given)
    return choose("disk", given, found, "DiskNotFound")


def deleted_disk_id(session: Session, given: str, project: str | None, tenant: str | None) -> str:
    """A disk that was deleted and can be restored."""
    if is_id(given):
        return given
    owner = project_id(session, project, tenant)
    found = session.client.disks.list(owner, name=given, deleted=True)
    return choose("deleted disk", given, found, "DiskNotFound")


def image_id(session: Session, given: str) -> str:
    if is_id(given):
        return given
    return choose("image", given, session.client.images.list(name=given), "ImageNotFound")


def flavor_id(session: Session, given: str, kind: str = "") -> str:
    if is_id(given):
        return given
    found = session.client.flavors.list(name=given, kind=kind)
    return choose("flavor", given, found, "FlavorNotFound")


def host_id(session: Session, given: str) -> str:
    """A host by id, address or host name."""
    if is_id(given):
        return given
    ids = [h.id for h in session.client.hosts.list() if given in (h.address, h.hostname)]
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise HeliostatError("HostNotFound", f"There is no host {given!r}.")
    raise HeliostatError(
        "AmbiguousName", f"{len(ids)} hosts are called {given!r}: {', '.join(ids)}."
    )


def subnet_id(session: Session, given: str) -> str:
    if is_id(given):
        return given
    return choose("subnet", given, session.client.subnets.list(name=given), "NetworkNotFound")


def zone_id(session: Session, given: str) -> str:
    if is_id(given):
        return given
    found = session.client.zones.list(name=given)
    return choose("zone", given, found, "AvailabilityZoneNotFound")


def datastore_id(session: Session, given: str) -> str:
    if is_id(given):
        return given
    found = session.client.datastores.list(name=given)
    return choose("datastore", given, found, "DatastoreNotFound")


def user_id(session: Session, given: str) -> str:
    if is_id(given):
        return given
    name = given.partition("@")[0]
    return choose("user", name, session.users.list(name=name), "UserNotFound")


def group_id(session: Session, given: str) -> str:
    if is_id(given):
        return given
    name = given.rpartition("\\")[2]
    return choose("group", name, session.groups.list(name=name), "GroupNotFound")


def quota_owner(session: Session, project: str | None, tenant: str | None) -> QuotaOwner:
    """A project's quota, or a tenant's when only the tenant is named."""
    if tenant and not project:
        return QuotaOwner("tenant", tenant_id(session, tenant))
    return QuotaOwner("project", project_id(session, project, tenant))


def _context(session: Session, kind: str) -> str:
    profile = session.profile
    if (profile.context_target or profile.target) != session.place().target:
        return ""
    return profile.tenant if kind == "tenant" else profile.project


def _only(found: Iterable[Named], kind: str, option: str) -> str:
    ids = [item.id for item in found]
    if len(ids) == 1:
        return ids[0]
    many = f"{len(ids)} {kind}s are visible" if ids else f"no {kind} is visible"
    raise click.UsageError(
        f"Name a {kind} with {option}, or choose one with `helio {kind} use`: {many}."
    )
