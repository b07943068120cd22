"""``helio target``: which platform the profile means."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from heliostat.cli.options import Noun, pass_session
from heliostat.cli.session import Session
from heliostat.client.config import Config, Profile
from heliostat.client.target import Target
from heliostat.client.trust import read_pem
from heliostat.core.errors import HeliostatError


@click.group("target", cls=Noun)
def target() -> None:
    """Choose the platform; a profile keeps target, CA, sign-in and context."""


@target.command("set")
@click.argument("url")
@click.option(
    "--ca",
    type=click.Path(path_type=Path),
    help="PEM file of the platform's CA; it is copied into the profile.",
)
@pass_session
def set_target(session: Session, url: str, ca: Path | None) -> None:
    """Use the platform at URL: https://HOST:PORT, or unix:PATH on its own machine."""
    parsed = str(Target.parse(url))
    pem = read_pem(ca) if ca is not None else ""
    name = session.profile_name

    def change(config: Config) -> Config:
        kept = config.get(name)
        fresh = kept if kept.target == parsed else Profile()
        changed = dataclasses.replace(fresh, target=parsed, ca_pem=pem or fresh.ca_pem)
        return Config(config.profile, {**config.profiles, name: changed})

    session.config_file.change(change)
    _tell(session, {"profile": name, "target": parsed}, f"Profile {name} uses {parsed}.")


@target.command("show")
@pass_session
def show(session: Session) -> None:
    """Show the target in use, and what named it."""
    place, profile = session.place(), session.profile
    told = {
        "target": place.target,
        "source": place.source,
        "profile": session.profile_name,
        "subject": profile.subject if session.uses_profile else "",
        "configuration": str(session.config_file.path),
    }
    if session.output.json:
        session.output.value(told)
    elif session.output.quiet:
        session.output.line(place.target)
    else:
        session.output.facts([(key.capitalize(), value or "-") for key, value in told.items()])


@target.command("list")
@pass_session
def list_targets(session: Session) -> None:
    """List the profiles."""
    config = session.config_file.read()
    names = sorted(config.profiles)
    if session.output.json:
        session.output.value(
            [
                {"profile": name, "target": config.get(name).target, "used": name == config.profile}
                for name in names
            ]
        )
    elif session.output.quiet:
        for name in names:
            session.output.line(name)
    else:
        rows = [
            [
                "*" if name == config.profile else "",
                name,
                config.get(name).target or "-",
                config.get(name).subject or "-",
            ]
            for name in names
        ]
        session.output.table(["", "profile", "target", "signed in as"], rows)


@target.command("use")
@click.argument("name")
@pass_session
def use(session: Session, name: str) -> None:
    """Use the profile NAME where none is named."""
    if name not in session.config_file.read().profiles:
        raise _no_profile(name)
    session.config_file.change(lambda config: Config(name, config.profiles))
    _tell(session, {"profile": name}, f"Profile {name} is used from now on.")


@target.command("remove")
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Forget the profile NAME with its sign-in."""
    if name not in session.config_file.read().profiles:
        raise _no_profile(name)

    def change(config: Config) -> Config:
        left = {key: profile for key, profile in config.profiles.items() if key != name}
        return Config(Config().profile if config.profile == name else config.profile, left)

    session.config_file.change(change)
    _tell(session, {"profile": name}, f"Profile {name} is gone.")


def _tell(session: Session, value: dict[str, str], sentence: str) -> None:
    if session.output.json:
        session.output.value(value)
    else:
        session.output.note(sentence)


def _no_profile(name: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting",
        f"There is no profile {name!r}.",
        hint="`helio target list` shows them.",
    )
