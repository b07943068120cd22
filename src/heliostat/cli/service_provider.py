"""``helio identity service-provider``: programs that people sign in to with SAML."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.service_providers import (
    SamlKeyReplaced,
    ServiceProvider,
    ServiceProviderCreateSpec,
    ServiceProviderUpdateSpec,
)

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("persistent", "transient", "emailAddress", "unspecified")
ATTRIBUTES = ("mail", "givenName", "sn", "displayName", "uid", "upn", "groups")
_COLUMNS = (
    Column[ServiceProvider]("name", lambda each: each.name),
    Column[ServiceProvider]("entity id", lambda each: each.entity_id),
    Column[ServiceProvider]("named by", lambda each: each.name_id_format),
    Column[ServiceProvider]("told", lambda each: text.cell(each.attributes)),
    Column[ServiceProvider]("lets in", lambda each: text.cell(each.allowed_groups or "everybody")),
)


@click.group("service-provider", cls=Noun)
def service_provider() -> None:
    """Programs that people sign in to with SAML 2.0."""


def _fields(function: F) -> F:
    """Options for everything that can be said of a service provider."""
    every = (
        click.option(
            "--metadata", type=click.Path(exists=True, dir_okay=False, allow_dash=True),
            metavar="FILE", help="The XML that the provider describes itself with; - is stdin.",
        ),
        click.option("--entity-id", help="What it calls itself, where there is no metadata."),
        click.option("--title", help="What the sign-in page calls it."),
        click.option(
            "--acs-url", "acs_urls", multiple=True, metavar="URL",
            help="Where assertions are posted to, where there is no metadata; may be repeated.",
        ),
        click.option("--logout-url", metavar="URL", help="Where it is told of signing out."),
        click.option(
            "--certificate", "certificates", multiple=True, metavar="FILE",
            type=click.Path(exists=True, dir_okay=False),
            help="PEM of its key, for its signatures and for encryption; may be repeated.",
        ),
        click.option(
            "--name-id", "name_id_format", type=click.Choice(FORMATS), help="How it names people."
        ),
        click.option(
            "--attribute", "attributes", multiple=True, type=click.Choice(["none", *ATTRIBUTES]),
            help="What it is told of people; may be repeated.",
        ),
        click.option(
            "--group", "allowed_groups", multiple=True, metavar="GROUP",
            help="Whom it lets in; may be repeated; 'everybody' lifts it.",
        ),
        click.option(
            "--signed-requests/--unsigned-requests", default=None,
            help="Whether its requests have to be signed.",
        ),
        click.option(
            "--sign", "signs", type=click.Choice(["response", "assertion", "both"]),
            help="What is signed for it (default: both).",
        ),
        click.option(
            "--encrypt/--no-encrypt", default=None, help="Encrypt assertions to its certificate."
        ),
        click.option(
            "--unsolicited/--only-solicited", default=None,
            help="Whether people may begin here (IdP-initiated).",
        ),
    )  # fmt: skip
    return options.every(every)(function)


@service_provider.command("create")
@click.argument("name")
@_fields
@options.domain
@options.changes
@pass_session
def create(session: Session, /, name: str, **fields: Any) -> None:
    """Register the service provider NAME, by its metadata or by entity id and address."""
    spec = ServiceProviderCreateSpec(name=name, **_said(fields))
    change = session.client.service_providers.create(session.domain, spec)
    made = make(session, change, lambda made: f"Service provider {made.name} is registered.")
    if isinstance(made, ServiceProvider) and not (session.output.json or session.output.quiet):
        session.output.note(f"It reads about this site at {made.metadata_url}.")


@service_provider.command("list")
@options.domain
@pass_session
def list_providers(session: Session) -> None:
    """List the service providers."""
    found = session.client.service_providers.list(session.domain)
    session.output.items(found, _COLUMNS, empty="No service providers.")


@service_provider.command("show")
@click.argument("name")
@options.domain
@pass_session
def show(session: Session, name: str) -> None:
    """Show the service provider NAME."""
    session.output.entity(session.client.service_providers.get(session.domain, name))


@service_provider.command("update")
@click.argument("name")
@_fields
@options.domain
@options.changes
@pass_session
def update(session: Session, /, name: str, **fields: Any) -> None:
    """Change the service provider NAME; what is not said stays as it is."""
    said = _said(fields)
    if not said:
        raise click.UsageError("Say what to change.")
    change = session.client.service_providers.update(
        session.domain, name, ServiceProviderUpdateSpec(**said)
    )
    make(session, change, lambda made: f"Service provider {made.name} is changed.")


@service_provider.command("delete")
@click.argument("name")
@options.domain
@options.changes
@pass_session
def delete(session: Session, name: str) -> None:
    """Forget the service provider NAME; nobody signs in to it any more."""
    change = session.client.service_providers.delete(session.domain, name)
    end(session, change, name, f"Service provider {name} is gone.")


@service_provider.command("replace-key")
@options.domain
@options.changes
@pass_session
def replace_key(session: Session) -> None:
    """Publish the next key that signs assertions; it signs two months later."""
    change = session.client.service_providers.replace_key(session.domain)
    make(session, change, _when)


def _when(made: SamlKeyReplaced) -> str:
    at = datetime.fromtimestamp(made.signs_from / 1000, UTC)
    return f"The next key is in the metadata; it signs from {at:%d %b %Y} on."


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that were given, files read."""
    said = {name: value for name, value in fields.items() if value not in (None, ())}
    if "metadata" in said:
        with click.open_file(said["metadata"], encoding="utf-8") as file:
            said["metadata"] = file.read()
    if "certificates" in said:
        said["certificates"] = [Path(each).read_text("utf-8") for each in said["certificates"]]
    if "attributes" in said:
        said["attributes"] = [each for each in said["attributes"] if each != "none"]
    if "allowed_groups" in said:
        said["allowed_groups"] = [each for each in said["allowed_groups"] if each != "everybody"]
    if "acs_urls" in said:
        said["acs_urls"] = list(said["acs_urls"])
    return said
