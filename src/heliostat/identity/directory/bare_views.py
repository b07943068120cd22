"""Views of records without what only other records know: groups, members, paths of units.

They are cheap, so a scan makes one for every record that it tests.  Pure.
"""

from __future__ import annotations

from heliostat.identity.clients.records import Client
from heliostat.identity.directory.entries import View
from heliostat.identity.directory.records import Computer, Group, User
from heliostat.identity.directory.views import (
    AccountCertificateView,
    AccountView,
    ComputerView,
    GroupView,
    UserView,
)
from heliostat.identity.service_accounts.credentials import certificates_of
from heliostat.identity.service_accounts.records import AccountCertificate

Record = User | Group | Client | Computer


def bare_view(record: Record) -> View:
    """The view of a record; its references are left out."""
    match record:
        case User():
            return UserView(
                name=record.name,
                subject="",
                disabled=record.disabled,
                created_ms=record.created_ms,
                groups=(),
                given_name=record.given_name,
                family_name=record.family_name,
                email=record.email,
                description=record.description,
                number=record.number,
                ssh_public_keys=record.ssh_public_keys,
                certificates=record.certificates,
            )
        case Group():
            return GroupView(
                record.name,
                "",
                record.description,
                (),
                record.built_in,
                record.created_ms,
                number=record.number,
            )
        case Client():
            return AccountView(
                record.name,
                record.name,
                "",
                (),
                record.created_ms,
                description=record.description,
                disabled=record.disabled,
                certificates=tuple(map(_certificate, certificates_of(record))),
            )
        case Computer():
            return ComputerView(
                name=record.name,
                operating_system=record.operating_system,
                certificate_sha256=record.certificate_sha256,
                description=record.description,
                disabled=record.disabled,
                unit="",
                created_ms=record.created_ms,
                last_seen_ms=record.last_seen_ms,
            )


def _certificate(kept: AccountCertificate) -> AccountCertificateView:
    return AccountCertificateView(kept.sha256, "", kept.pem, kept.created_ms, 0)
