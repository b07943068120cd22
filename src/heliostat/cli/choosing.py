"""Keeping a tenant or project as the one in use (``helio tenant use``, ``helio project use``)."""

from __future__ import annotations

import dataclasses

from heliostat.cli.session import Session
from heliostat.client.config import Profile


def use_tenant(session: Session, tenant_id: str, name: str) -> None:
    """A tenant's choice forgets the project of another one."""
    kept = session.profile
    project = kept.project if kept.tenant == tenant_id else ""
    _keep(session, tenant_id, project)
    _tell(session, "tenant", tenant_id, name)


def use_project(session: Session, tenant_id: str, project_id: str, name: str) -> None:
    _keep(session, tenant_id, project_id)
    _tell(session, "project", project_id, name)


def _keep(session: Session, tenant: str, project: str) -> None:
    target, profile_name = session.place().target, session.profile_name

    def chosen(profile: Profile) -> Profile:
        return dataclasses.replace(profile, tenant=tenant, project=project, context_target=target)

    session.config_file.change(
        lambda config: config.replace(profile_name, chosen(config.get(profile_name)))
    )


def _tell(session: Session, kind: str, entity_id: str, name: str) -> None:
    if session.output.json:
        session.output.value({"kind": kind, "id": entity_id, "name": name})
    elif session.output.quiet:
        session.output.line(entity_id)
    else:
        session.output.line(f"The {kind} {name} ({entity_id}) is used where none is named.")
