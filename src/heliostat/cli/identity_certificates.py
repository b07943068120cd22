"""``helio identity certificate``: issued from signing requests, listed, renewed, taken back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import show_plan
from heliostat.cli.given_file import content
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.calls import Change
from heliostat.core.files import atomic_write
from heliostat.wire.certificates import Certificate

_COLUMNS = (
    Column[Certificate]("serial", lambda each: each.serial),
    Column[Certificate]("names", lambda each: text.cell(each.names)),
    Column[Certificate]("state", lambda each: each.state),
    Column[Certificate]("ends", lambda each: day(each.not_after_time)),
    Column[Certificate]("by", lambda each: each.by),
    Column[Certificate]("via", lambda each: each.via),
)
_REASONS = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)
_out = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the certificate and its chain there (default: standard output).",
)  # fmt: skip
_days = click.option(
    "--days", type=click.IntRange(1, 398), help="How long it lives (default: all that is allowed)."
)


@click.group("certificate", cls=Noun)
def certificate() -> None:
    """Certificates of a domain's own authority."""


@certificate.command("issue")
@click.argument("csr", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--account", default="", metavar="NAME", help="For this service account to sign in.")
@_days
@_out
@options.domain
@options.changes
@pass_session
def issue(session: Session, csr: Path, account: str, days: int | None, out: Path | None) -> None:
    """Issue a certificate for the signing request in the file CSR (PEM; - is standard input)."""
    issuing = session.client.certificates
    change = issuing.issue(session.domain, content(csr), days=days or 0, account=account)
    _carry_out(session, change, out)


@certificate.command("list")
@click.option("--state", type=click.Choice(["active", "expired", "revoked"]), default=None)
@click.option("--name", default="", metavar="NAME", help="Only those with exactly this name.")
@click.option(
    "--expiring-within", "within", type=click.IntRange(1), default=None, metavar="DAYS",
    help="Only those that end in so many days, the first to end first.",
)  # fmt: skip
@options.domain
@pass_session
def list_certificates(session: Session, state: str | None, name: str, within: int | None) -> None:
    """List the certificates of the domain, in order of issue."""
    found = session.client.certificates.list(
        session.domain, state=state or "", name=name, expiring_within_days=within or 0
    )
    session.output.items(found, _COLUMNS, empty="No certificates.")


@certificate.command("show")
@click.argument("serial")
@click.option("--pem", is_flag=True, help="Print the certificate and its chain, nothing else.")
@options.domain
@pass_session
def show(session: Session, serial: str, pem: bool) -> None:
    """Show the certificate with the number SERIAL."""
    found = session.client.certificates.get(session.domain, serial)
    if pem:
        sys.stdout.write(found.certificate + found.chain)
        return
    session.output.entity(found)


@certificate.command("renew")
@click.argument("serial")
@click.argument("csr", type=click.Path(path_type=Path, allow_dash=True))
@_days
@_out
@options.domain
@options.changes
@pass_session
def renew(session: Session, serial: str, csr: Path, days: int | None, out: Path | None) -> None:
    """Issue another for the names of SERIAL, from the signing request in the file CSR."""
    change = session.client.certificates.renew(session.domain, serial, content(csr), days=days or 0)
    _carry_out(session, change, out)


@certificate.command("revoke")
@click.argument("serial")
@click.option("--reason", type=click.Choice(_REASONS), default="unspecified", show_default=True)
@options.domain
@options.changes
@pass_session
def revoke(session: Session, serial: str, reason: str) -> None:
    """Take the certificate SERIAL back: it is in the next revocation list, and OCSP says so."""
    change = session.client.certificates.revoke(session.domain, serial, reason)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    revoked = change.submit()
    if session.output.json or session.output.quiet:
        session.output.entity(revoked)
    else:
        session.output.line(f"Certificate {revoked.serial} is revoked ({revoked.reason}).")


def day(ms: int) -> str:
    """A day for people, in UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}" if ms else ""


def _carry_out(session: Session, change: Change[Certificate], out: Path | None) -> None:
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    made = change.submit()
    if out is not None:
        atomic_write(out, (made.certificate + made.chain).encode())
        session.output.note(f"{made.why}: {out}, until {day(made.not_after_time)}.")
    elif not session.output.json and not session.output.quiet:
        sys.stdout.write(made.certificate + made.chain)
        return
    if session.output.json or session.output.quiet:
        session.output.entity(made)
