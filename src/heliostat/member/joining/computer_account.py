"""The end of a machine's account in an Active Directory domain, by who may delete it there.

The system's own adcli does it, before anything on the machine changes: with a wrong password
the machine is the member that it was.  Without credentials the account stays, and an
administrator of the domain deletes it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from heliostat.core.errors import PermanentError
from heliostat.member.joining.active_directory import Hears, hears_secret
from heliostat.member.joining.changes import Run, run_command
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.realm_files import KEYTAB
from heliostat.member.places import Machine


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who ends the account; ``keep``: it is disabled and not deleted."""

    user: str
    password: str
    keep: bool = False

    def check(self) -> None:
        """Raises ``InvalidEntity``."""
        if not self.user or self.user.startswith("-") or not self.user.isprintable():
            raise PermanentError("InvalidEntity", f"{self.user[:80]!r} can't be passed on.")


def end_account(
    machine: Machine,
    member: Membership,
    credentials: Credentials,
    run: Run = run_command,
    hears: Hears = hears_secret,
) -> None:
    """Delete or disable the account; raises ``InvalidEntity`` and ``CommandFailed``."""
    credentials.check()
    secret = credentials.password.encode()
    if not credentials.keep:
        hears(deleting(member, credentials.user), secret)
        return
    with tempfile.TemporaryDirectory(prefix="helio-") as folder:
        tickets = f"FILE:{Path(folder) / 'tickets'}"
        principal = _principal(credentials.user, member.domain)
        hears(["kinit", "-c", tickets, principal], secret + b"\n")
        run(disabling(machine, member, tickets))


def deleting(member: Membership, user: str) -> list[str]:
    """The program that deletes it; its password comes by standard input."""
    argv = ["adcli", "delete-computer", *_where(member), "--stdin-password"]
    return [*argv, "--login-user", user, member.computer]


def disabling(machine: Machine, member: Membership, tickets: str) -> Sequence[str]:
    """The program that disables it, with somebody's tickets; the machine's password stays.

    The value of ``--login-ccache`` is optional: as a word of its own adcli 0.9 crashes at it.
    """
    argv = ["adcli", "update", *_where(member), f"--login-ccache={tickets.removeprefix('FILE:')}"]
    argv += [f"--computer-name={member.computer}", f"--host-keytab={machine.root / KEYTAB}"]
    return [*argv, "--computer-password-lifetime=0", "--account-disable=yes"]


def _where(member: Membership) -> list[str]:
    controller = urlsplit(member.url).hostname or ""
    named = ["--domain-controller", controller] if controller != member.domain else []
    return ["--domain", member.domain, *named]


def _principal(user: str, domain: str) -> str:
    return user if "@" in user else f"{user}@{domain.upper()}"
