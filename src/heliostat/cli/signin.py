"""``helio login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import NamedTuple

import click

from heliostat.cli import device_login, options
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.client.client import Client
from heliostat.client.config import Profile
from heliostat.client.credentials import Anonymous, FixedToken, ServiceAccount, Tokens
from heliostat.client.keyfile import read_key
from heliostat.client.sessions import with_tokens
from heliostat.client.tokens import Grant, domain_of
from heliostat.core.errors import HeliostatError


@click.command("login", cls=Verb)
@click.argument("user", required=False)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sign in as the service account of this key file; of a bare PEM file as USER.",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show this certificate (PEM) with the key.",
)
@click.option(
    "--device",
    is_flag=True,
    help="Sign in with a browser, here or elsewhere; so does a run without USER or a terminal.",
)
@click.option("--kerberos", is_flag=True, help="Show the ticket that kinit has got.")
@options.domain
@pass_session
def login(
    session: Session,
    user: str | None,
    password_stdin: bool,
    key: Path | None,
    certificate: Path | None,
    device: bool,
    kerberos: bool,
) -> None:
    """Sign in with a browser, or with a password as USER, and keep the session in the profile.

    Without USER no password is typed here: a code is shown, to be typed into a browser on any
    machine.  USER is name or name@domain; the password is asked for, or read from standard
    input.  The session is renewed by itself for as long as the platform allows.
    """
    if device and (password_stdin or key is not None):
        raise click.UsageError("--device needs neither a password nor a key.")
    if kerberos and (password_stdin or device or key is not None):
        raise click.UsageError("--kerberos needs a ticket and nothing else.")
    if password_stdin and user is None:
        raise click.UsageError("--password-stdin needs USER: whose password is it?")
    if certificate is not None and key is None:
        raise click.UsageError("--certificate needs the --key that it is about.")
    place = session.place()
    _refuse_other(session, place.target)
    with Client(place.target, Anonymous(), session.ca_pem()) as client:
        if key is not None:
            proven = _by_key(session, client, user, key, certificate)
        elif kerberos:
            domain = session.choices.domain or domain_of(user or "")
            proven = _Proven.of(client.token_service.by_ticket(domain))
        elif device or user is None or not (password_stdin or sys.stdin.isatty()):
            domain = session.choices.domain or domain_of(user or "")
            proven = _Proven.of(device_login.sign_in(session, client.token_service, domain))
        else:
            name, password = _full_name(client, user), _password(password_stdin)
            proven = _Proven.of(client.token_service.by_password(name, password))
    with Client(place.target, FixedToken(proven.token), session.ca_pem()) as client:
        caller = client.users.whoami()
    if (device or kerberos) and user and not _names(user, caller.subject):
        session.output.note(f"Somebody else has signed in than {user}: {caller.subject}.")
    _keep(session, place.target, caller.subject, proven)
    if session.output.json or session.output.quiet:
        session.output.value(caller) if session.output.json else session.output.line(caller.subject)
        return
    session.output.line(f"Signed in to {place.target} as {caller.subject}.")


@click.command("logout", cls=Verb)
@pass_session
def logout(session: Session) -> None:
    """End the session of the profile and forget it."""
    _end(session)
    session.config_file.change(
        lambda config: config.replace(
            session.profile_name, _signed_out(config.get(session.profile_name))
        )
    )
    if session.output.json:
        session.output.value({"profile": session.profile_name, "signedIn": False})
    else:
        session.output.note("Signed out.")


@click.command("whoami", cls=Verb)
@pass_session
def whoami(session: Session) -> None:
    """Show who you are to the platform, and your groups."""
    caller = session.client.users.whoami()
    if session.output.quiet:
        session.output.line(caller.subject)
    else:
        session.output.entity(caller)


def _end(session: Session) -> None:
    """Tell the platform; if it can't be told, the session ends by itself within hours."""
    profile = session.profile
    if not profile.refresh_token:
        return
    try:
        with Client(profile.target, Anonymous(), session.ca_pem()) as client:
            client.token_service.revoke(profile.refresh_token)
    except HeliostatError as error:
        session.output.note(f"The platform could not be told: {error.message}")


def _full_name(client: Client, user: str) -> str:
    """A bare name belongs to the platform's own domain."""
    return user if "@" in user or "\\" in user else f"{user}@{client.system.auth().domain}"


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt("Password", hide_input=True, err=True)
    return answer


def _names(user: str, subject: str) -> bool:
    """Whether ``user``, perhaps without its domain, is the one who has signed in."""
    return user.casefold() in (subject.casefold(), subject.partition("@")[0].casefold())


class KeyFiles(NamedTuple):
    """Where the key of a service account and its certificate lie, and which account it is."""

    key: Path | None = None
    certificate: Path | None = None
    client_id: str = ""


class _Proven(NamedTuple):
    """The token that somebody was given, and what the profile keeps to get others."""

    token: str
    tokens: Tokens | None
    shown: KeyFiles

    @classmethod
    def of(cls, grant: Grant) -> _Proven:
        """What a person was given."""
        return cls(grant.access_token, Tokens.of(grant, time.time()), KeyFiles())


def _by_key(
    session: Session, client: Client, user: str | None, key: Path, certificate: Path | None
) -> _Proven:
    """For a service account, which signs in anew with each run and keeps no token."""
    own = read_key(key, _client_id(session, user), certificate)
    token = ServiceAccount(own).bearer(client.token_service) or ""
    return _Proven(token, None, KeyFiles(key, certificate, own.client_id))


def _refuse_other(session: Session, target: str) -> None:
    """Before anybody is signed in: what can't be kept would go on there, known to nobody."""
    kept, name = session.profile, session.profile_name
    if kept.target and kept.target != target:
        raise HeliostatError(
            "InvalidSetting",
            f"The profile {name} belongs to {kept.target}; its sign-in can't be for {target}.",
            hint=f"Sign in with another profile: `helio login --profile NAME --target {target}`.",
        )


def _keep(session: Session, target: str, subject: str, proven: _Proven) -> None:
    name, shown = session.profile_name, proven.shown
    kept = dataclasses.replace(session.profile, target=target, ca_pem=session.ca_pem())
    clean = _signed_out(kept)
    filled = with_tokens(clean, proven.tokens) if proven.tokens is not None else clean
    filled = dataclasses.replace(
        filled,
        subject=subject,
        key_file=_absolute(shown.key),
        certificate_file=_absolute(shown.certificate),
        client_id=shown.client_id or filled.client_id,
    )
    session.config_file.change(lambda config: config.replace(name, filled))


def _signed_out(profile: Profile) -> Profile:
    return dataclasses.replace(
        profile,
        subject="",
        access_token="",
        refresh_token="",
        expires_at_s=0.0,
        key_file="",
        certificate_file="",
    )


def _client_id(session: Session, user: str | None) -> str:
    """The account of a bare key; of another domain where one is named."""
    domain = session.choices.domain
    return f"{user}@{domain}" if user and domain and "@" not in user else user or ""


def _absolute(path: Path | None) -> str:
    return str(path.absolute()) if path is not None else ""
