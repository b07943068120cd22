"""``helio service-account key`` and ``certificate``: what an account proves itself with.

Several count at once.  To replace one: add the new one, let the program use it, remove the
old one.
"""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import naming, options
from heliostat.cli.account_key import key_file_option, key_pair, make_with_key, public_key_option
from heliostat.cli.carrying import end, make
from heliostat.cli.given_file import content
from heliostat.cli.identity_certificates import day
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.core.errors import HeliostatError
from heliostat.wire.service_accounts import (
    ServiceAccount,
    ServiceAccountCertificate,
    ServiceAccountKey,
)

_KEYS = (
    Column[ServiceAccountKey]("id", lambda each: each.id),
    Column[ServiceAccountKey]("algorithm", lambda each: each.algorithm),
    Column[ServiceAccountKey]("title", lambda each: each.title),
    Column[ServiceAccountKey]("created", lambda each: day(each.created_time)),
    Column[ServiceAccountKey]("ends", lambda each: day(each.expires_time)),
    Column[ServiceAccountKey]("last used", lambda each: day(each.last_used_time)),
)
_CERTIFICATES = (
    Column[ServiceAccountCertificate]("id", lambda each: each.id),
    Column[ServiceAccountCertificate]("subject", lambda each: each.subject),
    Column[ServiceAccountCertificate]("ends", lambda each: day(each.expires_time)),
    Column[ServiceAccountCertificate]("last used", lambda each: day(each.last_used_time)),
)
_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_force = click.option(
    "--force", is_flag=True, help="Also the last one, after which no key of its own signs in."
)


@click.group("key", cls=Noun)
def key() -> None:
    """Keys of a service account; several count at once."""


@key.command("add")
@click.argument("account")
@key_file_option
@public_key_option
@click.option("--title", default="", help="What it is called in lists, such as the runner's name.")
@click.option("--days", type=click.IntRange(0), default=0, help="How long it counts; 0: always.")
@options.changes
@options.domain
@pass_session
def add_key(
    session: Session,
    account: str,
    key_file: Path | None,
    public_key: Path | None,
    title: str,
    days: int,
) -> None:
    """Give ACCOUNT one more key: a new one, or one that it has."""
    private_pem, given = key_pair(key_file, public_key)
    found = account_id(session, account)
    change = session.service_accounts.add_key(found, given, title=title, days=days)
    make_with_key(
        session,
        change,
        key_file,
        private_pem,
        lambda made: f"Service account {made.name} has the key {made.keys[-1].id}.",
    )


@key.command("list")
@click.argument("account")
@options.domain
@pass_session
def list_keys(session: Session, account: str) -> None:
    """List the keys of ACCOUNT, and when each was last used."""
    found = session.service_accounts.get(account_id(session, account))
    session.output.items(iter(found.keys), _KEYS, empty="No keys.")


@key.command("remove")
@click.argument("account")
@click.argument("key")
@_force
@options.changes
@options.domain
@pass_session
def remove_key(session: Session, account: str, key: str, force: bool) -> None:
    """Take KEY (its id, how that begins, or its title) away from ACCOUNT.

    Write -- before an id that begins with a hyphen.
    """
    shown = session.service_accounts.get(account_id(session, account))
    named = [each.id for each in shown.keys if each.title == key or each.id.startswith(key)]
    found = _only(shown, "key", key, named)
    change = session.service_accounts.remove_key(shown.id, found, force=force)
    end(session, change, found, f"Service account {shown.name} has lost the key {found}.")


@click.group("certificate", cls=Noun)
def certificate() -> None:
    """Certificates from elsewhere; those of the domain need not be registered."""


@certificate.command("add")
@click.argument("account")
@click.argument("file", type=_FILE)
@options.changes
@options.domain
@pass_session
def add_certificate(session: Session, account: str, file: Path) -> None:
    """Let ACCOUNT prove itself with the certificate in FILE (PEM)."""
    found = account_id(session, account)
    change = session.service_accounts.add_certificate(found, content(file))
    make(
        session,
        change,
        lambda made: f"Service account {made.name} has the certificate {made.certificates[-1].id}.",
    )


@certificate.command("list")
@click.argument("account")
@options.domain
@pass_session
def list_certificates(session: Session, account: str) -> None:
    """List the certificates that are registered on ACCOUNT."""
    found = session.service_accounts.get(account_id(session, account))
    session.output.items(iter(found.certificates), _CERTIFICATES, empty="No certificates.")


@certificate.command("remove")
@click.argument("account")
@click.argument("certificate")
@_force
@options.changes
@options.domain
@pass_session
def remove_certificate(session: Session, account: str, certificate: str, force: bool) -> None:
    """Take CERTIFICATE (its fingerprint, or how that begins) away from ACCOUNT."""
    shown = session.service_accounts.get(account_id(session, account))
    wanted = certificate.replace(":", "").lower()
    named = [each.id for each in shown.certificates if each.id.startswith(wanted)]
    found = _only(shown, "certificate", certificate, named)
    change = session.service_accounts.remove_certificate(shown.id, found, force=force)
    end(session, change, found, f"Service account {shown.name} has lost the certificate {found}.")


def account_id(session: Session, account: str) -> str:
    """The id of an account, from its name or id."""
    if naming.is_id(account):
        return account
    hint = "`helio service-account list` shows the service accounts."
    listed = session.service_accounts.list(name=account)
    return naming.choose("service account", account, listed, "NotFound", hint=hint)


def _only(shown: ServiceAccount, what: str, given: str, named: list[str]) -> str:
    if len(named) == 1:
        return named[0]
    ids = ", ".join(named)
    raise HeliostatError(
        "AmbiguousName" if named else "AccountKeyNotFound",
        f"{len(named)} {what}s of {shown.name} are called {given[:80]!r}: {ids}."
        if named
        else f"{shown.name} has no {what} {given[:80]}.",
    )
