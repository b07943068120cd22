"""A key for a service account: a given one, or one made here whose private half stays here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from heliostat.cli.carrying import show_plan
from heliostat.cli.given_file import content
from heliostat.cli.session import Session
from heliostat.client.calls import Change
from heliostat.client.keyfile import write_key
from heliostat.client.signing import key_tool
from heliostat.client.tokens import ServiceKey
from heliostat.core.errors import HeliostatError
from heliostat.wire.service_accounts import ServiceAccount

key_file_option = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=lambda _context, _parameter, path: not_there(path),
    help="Where the new private key is written (mode 0600); it never leaves this machine.",
)
public_key_option = click.option(
    "--public-key",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="A public key that there is: PEM or JWK; P-256, P-384, Ed25519, or RSA of 2048 bits.",
)


def not_there(path: Path | None) -> Path | None:
    """``path``, unless something lies there (keys are never overwritten) or nothing can.

    Looked at before the account gets the key: its private half would be lost otherwise.
    """
    if path is not None and path.exists():
        raise HeliostatError(
            "InvalidSetting",
            f"{path} exists already.",
            hint="Name a file that is not there yet; keys are never overwritten.",
        )
    if path is not None and not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise HeliostatError(
            "InvalidSetting",
            f"{path} can't be written.",
            hint="Name a file in a folder that is there and that you may write to.",
        )
    return path


def key_pair(key_file: Path | None, public_key: Path | None) -> tuple[str, str]:
    """The private half (PEM; empty for a key that the account has already) and the public one."""
    if (key_file is None) == (public_key is None):
        raise click.UsageError("Name --key-file for a new key, or --public-key for one that is.")
    if public_key is not None:
        return "", content(public_key)
    tool = key_tool()
    private_pem = tool.new_key()
    return private_pem, tool.public_key(private_pem)


def make_with_key(
    session: Session,
    change: Change[ServiceAccount],
    key_file: Path | None,
    private_pem: str,
    sentence: Callable[[ServiceAccount], str],
) -> None:
    """Plan, or make the change and keep the private half in ``key_file``."""
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    made = change.submit()
    if key_file is not None:
        _written(session, key_file, made.client_id, private_pem)
    if session.output.json or session.output.quiet:
        session.output.entity(made)
        return
    session.output.line(sentence(made))


def _written(session: Session, key_file: Path, client_id: str, private_pem: str) -> None:
    """Write a new key, and say what it is for."""
    domain = session.choices.domain
    named = f"{client_id}@{domain}" if domain else client_id
    write_key(key_file, ServiceKey(named, private_pem))
    session.output.note(
        f"It signs in with HELIO_KEY={key_file}, or `helio login --key {key_file}`."
    )
