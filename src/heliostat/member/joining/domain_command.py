"""``helio identity join --ad``: this machine as a member of an Active Directory domain."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from heliostat.member import printing
from heliostat.member.joining.active_directory import (
    LONGEST_COMPUTER,
    DomainMember,
    DomainWishes,
)
from heliostat.member.joining.admission import Admission
from heliostat.member.joining.changes import run_command
from heliostat.member.joining.showing import progress, show_changes, told
from heliostat.member.places import Machine

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--ad", default="", metavar="DOMAIN", help="An Active Directory domain."),
    click.option("--ad-user", default="", metavar="USER", help="Who lets the machine in there."),
    click.option("--ad-controller", default="", metavar="HOST", help="Asked before others."),
    click.option("--ad-unit", default="", metavar="DN", help="Where the computer shall lie."),
    click.option("--ad-computer", default="", metavar="NAME", help="Its name (default: ours)."),
)


def domain_options(function: F) -> F:
    """The options that say which domain."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def join_domain(
    admission: Admission,
    *,
    plan: bool,
    output: str,
    ad: str,
    ad_user: str,
    ad_controller: str,
    ad_unit: str,
    ad_computer: str,
) -> None:
    """Become a member, or say what that would change."""
    wishes = DomainWishes(
        domain=ad.casefold(),
        computer=(ad_computer or platform.node().partition(".")[0][:LONGEST_COMPUTER]).upper(),
        user=ad_user,
        controller=ad_controller,
        unit=ad_unit,
        admission=admission,
    )
    member = DomainMember(Machine.here(), run_command, tell=progress)
    if plan:
        show_changes(wishes.computer, wishes.domain, member.foreseen(wishes), output)
        return
    done = member.join(wishes, password_of(wishes.user))
    if output == "json":
        printing.print_json(told(done))
    else:
        click.echo(f"This machine is {done.computer} of {done.domain}.")


def password_of(user: str) -> str:
    """What somebody types, or the first line of standard input; empty: a computer's own."""
    whose = f"Password of {user}" if user else "One-time password"
    if sys.stdin.isatty():
        return str(click.prompt(whose, hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
