"""``helio identity provider``: other providers that people sign in with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.given import fields_of, pairs, something
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.identity_providers import (
    IdentityProvider,
    IdentityProviderChange,
    IdentityProviderCreateSpec,
    IdentityProviderGroupRule,
    IdentityProviderPerson,
    IdentityProviderStep,
)

FAILED = 1
"""Exit code of a probe with a step that failed."""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILES = {
    "client_secret_file": "client_secret",
    "private_key": "private_key_pem",
    "roots": "trusted_roots_pem",
    "metadata": "metadata",
}
"""Options that name a file, and the fields that what stands there is."""
_COLUMNS = (
    Column[IdentityProvider]("name", lambda each: each.name),
    Column[IdentityProvider]("type", lambda each: each.type),
    Column[IdentityProvider]("title", lambda each: each.title),
    Column[IdentityProvider]("issuer", lambda each: each.issuer),
    Column[IdentityProvider]("people", lambda each: str(each.people)),
    Column[IdentityProvider]("disabled", lambda each: text.cell(each.disabled)),
)
_STEPS = (
    Column[IdentityProviderStep]("step", lambda each: each.step),
    Column[IdentityProviderStep]("ok", lambda each: text.cell(each.ok)),
    Column[IdentityProviderStep]("what happened", lambda each: each.sentence),
)
_PEOPLE = (
    Column[IdentityProviderPerson]("user", lambda each: each.name),
    Column[IdentityProviderPerson]("subject", lambda each: each.subject),
    Column[IdentityProviderPerson]("last sign-in", lambda each: text.moment(each.used_time)),
)
_SETTINGS = (
    click.option("--title", default=None, help="What the button on the sign-in page says."),
    click.option("--issuer", default=None, metavar="URL", help="Whose it is; https://…"),
    click.option("--metadata", type=_FILE, help="What a SAML provider describes itself with, XML."),
    click.option("--client-id", default=None, help="What we are called there."),
    click.option("--client-secret-file", type=_FILE, help="Our secret there, in a file."),
    click.option("--private-key", type=_FILE, help="Or a key to sign with (PEM)."),
    click.option("--scope", "scopes", multiple=True, help="Further scopes to ask for."),
    click.option("--roots", type=_FILE, help="PEM of the authorities to trust."),
    click.option("--claim", "claims", multiple=True, metavar="MEANING=CLAIM",
                 help="What it calls name, given_name, family_name, email or groups."),
    click.option("--group", "groups", multiple=True, metavar="THERE=HERE",
                 help="Who is in the group THERE (with * and ?) is in HERE."),
    click.option("--email-domain", "email_domains", multiple=True,
                 help="Only people with a proven address in it."),
    click.option("--make-users/--no-make-users", default=None,
                 help="Whether whoever it knows is made here at the first sign-in."),
    click.option("--trust-second-factor/--no-trust-second-factor", default=None,
                 help="Whether to believe that it asked for two."),
    click.option("--disable/--enable", "disabled", default=None),
)  # fmt: skip


_keep_sessions = click.option(
    "--keep-sessions", is_flag=True, help="Let sessions go on that came through it."
)


@click.group("provider", cls=Noun)
def provider() -> None:
    """Other OpenID and SAML providers that people sign in with."""


@provider.command("create")
@click.argument("name")
@options.every(_SETTINGS)
@options.domain
@options.changes
@pass_session
def create(session: Session, /, name: str, **settings: Any) -> None:
    """Let people sign in with the provider NAME: by issuer and client id, or SAML metadata."""
    fields = _read(settings)
    speaks = "saml" if "metadata" in fields else "oidc"
    spec = IdentityProviderCreateSpec(name=name, type=speaks, **fields)
    change = session.client.identity_providers.create(session.domain, spec)
    made = make(session, change, lambda made: f"People may sign in with {made.title}.")
    if made is not None and not session.output.json:
        session.output.note(f"Register {made.redirect_uri} there.")
        session.output.note(f"Try it: `helio identity provider probe {made.name}`.")


@provider.command("list")
@options.domain
@pass_session
def list_providers(session: Session) -> None:
    """List the providers."""
    found = session.client.identity_providers.list(session.domain)
    session.output.items(found, _COLUMNS, empty="No other providers.")


@provider.command("show")
@click.argument("name")
@options.domain
@pass_session
def show(session: Session, name: str) -> None:
    """Show the provider NAME, without its secrets."""
    session.output.entity(session.client.identity_providers.get(session.domain, name))


@provider.command("people")
@click.argument("name")
@options.domain
@pass_session
def people(session: Session, name: str) -> None:
    """List who signs in with NAME, and whom that is here."""
    found = session.client.identity_providers.people(session.domain, name)
    session.output.items(found, _PEOPLE, empty="Nobody has signed in with it.")


@provider.command("update")
@click.argument("name")
@options.every(_SETTINGS)
@_keep_sessions
@options.domain
@options.changes
@pass_session
def update(session: Session, /, name: str, keep_sessions: bool, **settings: Any) -> None:
    """Change what is given of NAME; lists are replaced as a whole.

    Disabling it ends the sessions that came through it.
    """
    if keep_sessions and not settings["disabled"]:
        raise click.UsageError("--keep-sessions goes with --disable.")
    spec = something(IdentityProviderChange(**_read(settings)))
    change = session.client.identity_providers.update(
        session.domain, name, spec, keep_sessions=keep_sessions
    )
    make(session, change, lambda made: f"Provider {made.name} is changed.")


@provider.command("delete")
@click.argument("name")
@click.option("--with-people", is_flag=True, help="Delete the users that it has made, too.")
@_keep_sessions
@options.domain
@options.changes
@pass_session
def delete(session: Session, name: str, with_people: bool, keep_sessions: bool) -> None:
    """Delete NAME: nobody signs in with it any longer, and who has is signed out."""
    providers = session.client.identity_providers
    change = providers.delete(
        session.domain, name, with_people=with_people, keep_sessions=keep_sessions
    )
    end(session, change, name, f"Provider {name} is deleted.")


@provider.command("probe")
@click.argument("name")
@options.domain
@pass_session
def probe(session: Session, name: str) -> None:
    """Ask NAME what it says of itself, step by step."""
    probed = session.client.identity_providers.probe(session.domain, name).submit()
    if session.output.json:
        session.output.entity(probed)
    else:
        session.output.items(probed.steps, _STEPS, key=lambda each: each.step)
    if not probed.ok:
        raise click.exceptions.Exit(FAILED)


def _read(settings: dict[str, Any]) -> dict[str, Any]:
    """The fields of a body, with what stands in files."""
    fields = fields_of(settings, _FILES)
    if "claims" in fields:
        fields["claims"] = dict(pairs(fields["claims"], "MEANING=CLAIM"))
    if "groups" in fields:
        fields["groups"] = [
            IdentityProviderGroupRule(value=there, group=here)
            for there, here in pairs(fields["groups"], "THERE=HERE")
        ]
    return fields
