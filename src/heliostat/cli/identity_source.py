"""``helio identity source``: directories elsewhere whose people sign in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.given import fields_of, pairs, something
from heliostat.cli.identity_search import show_entries
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.identity_sources import (
    IdentitySource,
    IdentitySourceChange,
    IdentitySourceCreateSpec,
    IdentitySourceProbe,
    IdentitySourceProbeSpec,
    IdentitySourceStep,
)

FAILED = 1
"""Exit code of a probe with a step that failed."""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILES = {
    "roots": "trusted_roots_pem",
    "bind_password_file": "bind_password",
    "bind_certificate": "bind_certificate_pem",
    "bind_key": "bind_key_pem",
}
"""Options that name a file, and the fields that what stands there is."""
_COLUMNS = (
    Column[IdentitySource]("domain", lambda source: source.domain),
    Column[IdentitySource]("type", lambda source: source.type),
    Column[IdentitySource]("default", lambda source: text.cell(source.default)),
    Column[IdentitySource](
        "servers", lambda source: text.cell([f"{each.url} {each.state}" for each in source.servers])
    ),
)
_STEPS = (
    Column[IdentitySourceStep]("step", lambda each: each.step),
    Column[IdentitySourceStep]("ok", lambda each: text.cell(each.ok)),
    Column[IdentitySourceStep]("what happened", lambda each: each.sentence),
)
_SETTINGS = (
    click.option("--type", type=click.Choice(["ldap", "active-directory"]), default=None),
    click.option("--url", "urls", multiple=True, metavar="URL", help="ldaps://HOST; in order."),
    click.option("--alias", "aliases", multiple=True, help="Another name, such as CORP."),
    click.option("--start-tls/--no-start-tls", default=None, help="Encrypt ldap:// addresses."),
    click.option("--plain/--no-plain", default=None, help="Allow unencrypted passwords."),
    click.option("--roots", type=_FILE, help="PEM of the authorities to trust."),
    click.option("--bind-dn", help="Whom to sign in as; AD takes user@domain, too."),
    click.option("--bind-password-file", type=_FILE, help="That one's password, in a file."),
    click.option("--bind-certificate", type=_FILE, help="Sign in with a certificate (PEM)."),
    click.option("--bind-key", type=_FILE, help="The key of that certificate (PEM)."),
    click.option("--people-base", metavar="DN", help="Below this entry are the people."),
    click.option("--groups-base", metavar="DN", help="And the groups (default: as people)."),
    click.option("--people-filter", metavar="FILTER", help="Only entries like this are people."),
    click.option("--groups-filter", metavar="FILTER", help="Only groups like this count."),
    click.option("--nested/--flat", default=None, help="Whether groups in groups count."),
    click.option("--attribute", "attributes", multiple=True, metavar="MEANING=ATTRIBUTE",
                 help="What it calls things, such as email=mailPrimaryAddress."),
    click.option("--timeout", "timeout_s", type=float, help="Seconds for each question."),
    click.option("--default/--no-default", default=None, help="Look names without domain up here."),
    click.option("--description", default=None),
)  # fmt: skip


@click.group("source", cls=Noun)
def source() -> None:
    """LDAP directories and Active Directory domains whose people sign in."""


@source.command("create")
@click.argument("source_domain", metavar="SOURCE")
@options.every(_SETTINGS)
@options.domain
@options.changes
@pass_session
def create(session: Session, /, source_domain: str, **settings: Any) -> None:
    """Let people of the directory SOURCE (such as corp.example) sign in."""
    spec = IdentitySourceCreateSpec(domain=source_domain, **_read(settings))
    change = session.client.identity_sources.create(session.domain, spec)
    made = make(session, change, lambda made: f"People of {made.domain} may sign in.")
    if made is not None and not session.output.json:
        session.output.note(f"Try it: `helio identity source probe {made.domain}`.")


@source.command("list")
@options.domain
@pass_session
def list_sources(session: Session) -> None:
    """List the sources, and how their servers are."""
    found = session.client.identity_sources.list(session.domain)
    session.output.items(found, _COLUMNS, empty="No identity sources.")


@source.command("show")
@click.argument("source_domain", metavar="SOURCE")
@options.domain
@pass_session
def show(session: Session, source_domain: str) -> None:
    """Show SOURCE, without its secrets."""
    found = session.client.identity_sources.get(session.domain, source_domain)
    session.output.entity(found)


@source.command("update")
@click.argument("source_domain", metavar="SOURCE")
@options.every(_SETTINGS)
@options.domain
@options.changes
@pass_session
def update(session: Session, /, source_domain: str, **settings: Any) -> None:
    """Change what is given of SOURCE; an empty text takes a value away."""
    spec = something(IdentitySourceChange(**_read(settings)))
    change = session.client.identity_sources.update(session.domain, source_domain, spec)
    make(session, change, lambda made: f"Source {made.domain} is changed.")


@source.command("delete")
@click.argument("source_domain", metavar="SOURCE")
@options.domain
@options.changes
@pass_session
def delete(session: Session, source_domain: str) -> None:
    """Delete SOURCE: its people are signed out, and leave the groups of this domain."""
    change = session.client.identity_sources.delete(session.domain, source_domain)
    end(session, change, source_domain, f"Source {source_domain} is deleted.")


@source.command("probe")
@click.argument("source_domain", metavar="SOURCE")
@click.option("--person", default="", help="Whom to look up (default: anybody).")
@options.every(_SETTINGS)
@options.domain
@pass_session
def probe(session: Session, /, source_domain: str, person: str, **settings: Any) -> None:
    """Try SOURCE step by step: as it is kept, or with settings before it is."""
    asked, sources = _read(settings), session.client.identity_sources
    if asked:
        spec = IdentitySourceProbeSpec(domain=source_domain, person=person, **asked)
        change = sources.probe(session.domain, spec)
    else:
        change = sources.probe_saved(session.domain, source_domain, person)
    _show_steps(session, change.submit())


@source.command("people")
@click.argument("source_domain", metavar="SOURCE")
@click.argument("filter_", metavar="[FILTER]", default="")
@click.option("--groups", "with_groups", is_flag=True, help="With memberOf: a question for each.")
@options.domain
@pass_session
def people(session: Session, source_domain: str, filter_: str, with_groups: bool) -> None:
    """List people of SOURCE as they are there now; those that match FILTER."""
    found = session.client.directory_search.find(
        session.domain, filter_, kind="user", source=source_domain, with_groups=with_groups
    )
    show_entries(session, found)


@source.command("groups")
@click.argument("source_domain", metavar="SOURCE")
@click.argument("filter_", metavar="[FILTER]", default="")
@options.domain
@pass_session
def groups(session: Session, source_domain: str, filter_: str) -> None:
    """List groups of SOURCE that count here; those that match FILTER."""
    found = session.client.directory_search.find(
        session.domain, filter_, kind="group", source=source_domain
    )
    show_entries(session, found)


def _show_steps(session: Session, probed: IdentitySourceProbe) -> None:
    if session.output.json:
        session.output.entity(probed)
    else:
        session.output.items(probed.steps, _STEPS, key=lambda each: each.step)
        session.output.note(_outcome(probed))
    if not probed.ok:
        sys.exit(FAILED)


def _outcome(probed: IdentitySourceProbe) -> str:
    if probed.ok:
        return "People can sign in."
    by_some = any(each.step == "sample" and each.ok for each in probed.steps)
    return "People can sign in, but not by every server." if by_some else "People can't sign in."


def _read(settings: dict[str, Any]) -> dict[str, Any]:
    """The fields of a body, with what stands in files."""
    fields = fields_of(settings, _FILES)
    if "attributes" in fields:
        fields["attributes"] = dict(pairs(fields["attributes"], "MEANING=ATTRIBUTE"))
    if "nested" in fields:
        fields["nested_groups"] = fields.pop("nested")
    return fields
