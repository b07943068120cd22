"""``helio identity session`` and ``helio identity consent``: who is signed in, and to what."""

from __future__ import annotations

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.identity_sessions import IdentityConsent, IdentitySession

_SESSIONS = (
    Column[IdentitySession]("id", lambda each: each.id),
    Column[IdentitySession]("who", lambda each: each.subject),
    Column[IdentitySession]("what", lambda each: each.client or each.what),
    Column[IdentitySession]("since", lambda each: text.moment(each.begun_time)),
    Column[IdentitySession]("until", lambda each: text.moment(each.expires_time)),
)
_CONSENTS = (
    Column[IdentityConsent]("id", lambda each: each.id),
    Column[IdentityConsent]("who", lambda each: each.subject),
    Column[IdentityConsent]("client id", lambda each: each.client),
    Column[IdentityConsent]("lets it have", lambda each: " ".join(each.scopes)),
    Column[IdentityConsent]("since", lambda each: text.moment(each.given_time)),
)
_user = click.option("--user", default="", metavar="USER", help="Only those of this user.")


@click.group("session", cls=Noun)
def session() -> None:
    """Who is signed in where: browsers, and programs that were signed in from them."""


@session.command("list")
@_user
@click.option("--own", is_flag=True, help="Only your own.")
@options.domain
@pass_session
def list_sessions(session: Session, user: str, own: bool) -> None:
    """List the sessions of a domain's people, or your own."""
    sessions = session.client.identity_sessions
    found = sessions.own() if own else sessions.list(session.domain, user=user)
    session.output.items(found, _SESSIONS, empty="Nobody is signed in.")


@session.command("end")
@click.argument("session_id", required=False)
@click.option("--user", default="", metavar="USER", help="All of this user's.")
@click.option("--own", is_flag=True, help="One of your own.")
@options.domain
@options.changes
@pass_session
def end_session(session: Session, session_id: str | None, user: str, own: bool) -> None:
    """End the session SESSION_ID, or all of a user's; programs that want to are told.

    The platform's API refuses its access tokens within five seconds; other programs that were
    given them count them until they end, an hour at most.
    """
    if bool(session_id) == bool(user) or (own and user):
        raise click.UsageError("Name a session or --user, and not both.")
    sessions = session.client.identity_sessions
    if user:
        change = sessions.end_all(session.domain, user)
        end(session, change, user, f"{user} is signed in no longer.")
        return
    name = session_id or ""
    change = sessions.end_own(name) if own else sessions.end(session.domain, name)
    end(session, change, name, f"Session {name} is ended.")


@click.group("consent", cls=Noun)
def consent() -> None:
    """What people have let programs have."""


@consent.command("list")
@_user
@click.option("--own", is_flag=True, help="Only your own.")
@options.domain
@pass_session
def list_consents(session: Session, user: str, own: bool) -> None:
    """List whom people of a domain have let in, or you have."""
    consents = session.client.identity_consents
    found = consents.own() if own else consents.list(session.domain, user=user)
    session.output.items(found, _CONSENTS, empty="Nobody was asked.")


@consent.command("withdraw")
@click.argument("consent_id")
@click.option("--own", is_flag=True, help="One of your own.")
@options.domain
@options.changes
@pass_session
def withdraw(session: Session, consent_id: str, own: bool) -> None:
    """Take the consent CONSENT_ID back; the program's sessions of that person end."""
    consents = session.client.identity_consents
    change = (
        consents.withdraw_own(consent_id) if own else consents.withdraw(session.domain, consent_id)
    )
    end(session, change, consent_id, "The program has to ask again.")
