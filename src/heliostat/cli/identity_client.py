"""``helio identity client``: programs that ask for tokens, and their settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.calls import Change
from heliostat.wire.oidc_clients import (
    OidcClient,
    OidcClientCreateSpec,
    OidcClientSettings,
    OidcClientWithSecret,
)

F = TypeVar("F", bound=Callable[..., Any])
_GRANTS = {
    "code": "authorization_code",
    "refresh": "refresh_token",
    "password": "password",
    "device": "urn:ietf:params:oauth:grant-type:device_code",
    "exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
    "credentials": "client_credentials",
}
"""Short names, since OAuth's own can't be typed."""
_SHORT = {grant: short for short, grant in _GRANTS.items()}
_PROOFS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
_COLUMNS = (
    Column[OidcClient]("client id", lambda client: client.name),
    Column[OidcClient]("title", lambda client: client.title),
    Column[OidcClient]("grants", lambda client: text.cell([*map(_short, client.grants)])),
    Column[OidcClient]("proof", lambda client: client.authentication),
    Column[OidcClient]("redirects to", lambda client: text.cell(client.redirect_uris)),
)
_SETTINGS = (
    click.option(
        "--redirect-uri", "redirect_uris", multiple=True, metavar="URI",
        help="Where browsers come back to with a code; may be repeated.",
    ),
    click.option(
        "--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, metavar="URI",
        help="Where browsers may go on to after signing out; may be repeated.",
    ),
    click.option("--title", help="What the sign-in page calls it."),
    click.option(
        "--grant", "grants", multiple=True, type=click.Choice([*_GRANTS]),
        help="How it may ask for tokens (default: code, refresh); may be repeated.",
    ),
    click.option(
        "--scope", "scopes", multiple=True, metavar="SCOPE",
        help="What it may ask for, e.g. openid, at_groups, rs_heliostat; may be repeated.",
    ),
    click.option(
        "--authentication", type=click.Choice(_PROOFS),
        help="How it proves itself (default: none, with PKCE).",
    ),
    click.option(
        "--jwks", "jwks_file", metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Its public keys, for private_key_jwt: a JWK set.",
    ),
    click.option("--algorithm", type=click.Choice(["ES256", "RS256"]), help="Signs its tokens."),
    click.option("--access-lifetime", type=int, metavar="SECONDS", help="0: the tenant's."),
    click.option("--refresh-lifetime", type=int, metavar="SECONDS", help="0: the tenant's."),
    click.option(
        "--rotate-refresh/--keep-refresh", "rotate_refresh", default=None,
        help="Whether each refresh token is good once (default) or many times.",
    ),
    click.option(
        "--consent/--no-consent", "consent", default=None,
        help="Whether people are asked before it learns who they are.",
    ),
    click.option(
        "--frontchannel-logout-uri", metavar="URI",
        help="What browsers load when they sign out; an empty one takes it away.",
    ),
    click.option(
        "--backchannel-logout-uri", metavar="URI",
        help="What is told when somebody signs out; an empty one takes it away.",
    ),
    click.option(
        "--logout-session-required/--no-logout-session", "logout_session_required", default=None,
        help="Whether the front channel names the session.",
    ),
    click.option(
        "--exchange-for", "exchanges", multiple=True, metavar="RS",
        help="Resource servers (rs_…) that it may exchange tokens for; may be repeated.",
    ),
    click.option(
        "--group-filter", "group_filter", multiple=True, metavar="GROUP",
        help="The groups that it is told of as rs_NAME, with at_groups_filtered; may be repeated.",
    ),
    click.option(
        "--impersonates/--delegates", "impersonates", default=None,
        help="Whether exchanged tokens may leave out who acts.",
    ),
)  # fmt: skip


def _told(given: dict[str, Any]) -> dict[str, Any]:
    """The settings that were named on the command line."""
    file = given.pop("jwks_file")
    told = {name: list(each) if isinstance(each, tuple) else each for name, each in given.items()}
    told = {name: each for name, each in told.items() if each is not None and each != []}
    if "grants" in told:
        told["grants"] = [_GRANTS[each] for each in told["grants"]]
    for name in ("scopes", "exchanges", "group_filter"):
        if told.get(name) == [""]:
            told[name] = []
    if file is not None:
        told["jwks"] = file.read_text(encoding="utf-8")
    return told


@click.group("client", cls=Noun)
def client() -> None:
    """Programs that ask for tokens (OpenID Connect)."""


@client.command("create")
@click.argument("name")
@options.every(_SETTINGS)
@options.domain
@options.changes
@pass_session
def create(session: Session, /, name: str, **given: Any) -> None:
    """Create the client NAME, which is its client id.

    Without more it is one that people sign in to with a browser: it has no secret, but
    needs PKCE, and may learn who somebody is and nothing of the API.
    """
    spec = OidcClientCreateSpec(name=name, **_told(given))
    _show_made(session, session.oidc_clients.create(spec), f"Client {name} is created.")


@client.command("update")
@click.argument("name")
@options.every(_SETTINGS)
@options.domain
@options.changes
@pass_session
def update(session: Session, /, name: str, **given: Any) -> None:
    """Change settings of the client NAME, or of a service account as a client.

    What is named replaces what was, lists as a whole.
    """
    told = _told(given)
    if not told:
        raise click.UsageError("Name at least one setting.")
    change = session.oidc_clients.update(name, OidcClientSettings(**told))
    _show_made(session, change, f"Client {name} is changed.")


@client.command("rotate-secret")
@click.argument("name")
@click.option(
    "--overlap", type=click.IntRange(min=0), default=0, metavar="SECONDS",
    help="How long the secret before counts, too.",
)  # fmt: skip
@options.domain
@options.changes
@pass_session
def rotate_secret(session: Session, name: str, overlap: int) -> None:
    """Give the client NAME a new secret."""
    change = session.oidc_clients.rotate_secret(name, overlap)
    _show_made(session, change, f"Client {name} has a new secret.")


@client.command("list")
@options.domain
@pass_session
def list_clients(session: Session) -> None:
    """List the clients."""
    session.output.items(session.oidc_clients.list(), _COLUMNS, empty="No clients.")


@client.command("show")
@click.argument("name")
@options.domain
@pass_session
def show(session: Session, name: str) -> None:
    """Show the client NAME."""
    session.output.entity(session.oidc_clients.get(name))


@client.command("delete")
@click.argument("name")
@options.domain
@options.changes
@pass_session
def delete(session: Session, name: str) -> None:
    """Delete the client NAME; its sessions end when they are next refreshed."""
    end(session, session.oidc_clients.delete(name), name, f"Client {name} is deleted.")


def _show_made(session: Session, change: Change[OidcClientWithSecret], done: str) -> None:
    """Plan or do it; a new secret is shown, this once."""
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    made = change.submit()
    if session.output.json or session.output.quiet:
        session.output.entity(made)
        return
    session.output.line(done)
    if made.client_secret:
        session.output.line(f"Its secret is {made.client_secret} (shown this once).")


def _short(grant: str) -> str:
    return _SHORT.get(grant, grant)
