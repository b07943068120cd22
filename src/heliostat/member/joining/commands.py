"""``helio identity join`` and its kin: this machine as a member of a directory."""

from __future__ import annotations

import sys

import click

from heliostat.core.join_token import decode_machine
from heliostat.member import printing
from heliostat.member.joining import membership
from heliostat.member.joining.active_directory import DomainMember
from heliostat.member.joining.admission import Admission
from heliostat.member.joining.changes import run_command
from heliostat.member.joining.domain_command import domain_options, join_domain
from heliostat.member.joining.join import Member, Wishes
from heliostat.member.joining.leave_command import leave
from heliostat.member.joining.showing import facts, progress, show_changes, told
from heliostat.member.joining.workload_commands import token, workload
from heliostat.member.places import Machine
from heliostat.member.printing import output_option

READ_IT = "-"
"""In place of a token: it is the first line of standard input."""


@click.command("join")
@click.argument("token", default="")
@click.option("--allow", "groups", multiple=True, metavar="GROUP", help="Only its people log in.")
@click.option(
    "--administrators", multiple=True, metavar="GROUP", help="Its people may become root."
)
@click.option("--ssh-passwords", is_flag=True, help="They log in over SSH with passwords, too.")
@click.option("--certificate-only", is_flag=True, help="Leave log-in on this machine as it is.")
@click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
@domain_options
@output_option
def join(
    token: str,
    groups: tuple[str, ...],
    administrators: tuple[str, ...],
    ssh_passwords: bool,
    certificate_only: bool,
    plan: bool,
    output: str,
    **domain: str,
) -> None:
    """Make this machine a member of the directory that TOKEN names.

    Without TOKEN an interrupted join goes on.  Get a token with
    `helio identity computer join-token NAME`.  With --ad the machine becomes a
    member of an Active Directory domain, which lets it in by the password of --ad-user,
    or by the computer's one-time password; it is the first line of standard input, or asked for.
    """
    if ssh_passwords and not groups:
        raise click.UsageError("--ssh-passwords is for the groups that --allow names.")
    admission = Admission(groups, administrators, ssh_passwords)
    if token == READ_IT:
        token = sys.stdin.readline().strip()
    if domain["ad"]:
        if token or certificate_only:
            raise click.UsageError("--ad goes with no token, and is about log-in.")
        join_domain(admission, plan=plan, output=output, **domain)
        return
    wishes = Wishes(admission, certificate_only=certificate_only)
    member = Member(Machine.here(), tell=progress)
    if plan:
        asked = decode_machine(token) if token else None
        names = (asked.computer, asked.domain) if asked is not None else ("", "")
        show_changes(*names, member.foreseen(token, wishes), output)
        return
    done = member.join(token, wishes)
    if output == "json":
        printing.print_json(told(done))
        return
    click.echo(f"This machine is {done.computer} of {done.domain}.")
    if done.directory is None and not done.certificate_only:
        click.echo(
            "The site offers no directory by LDAP, so log-in is as it was: the machine has a "
            "certificate, in the store `machine`.",
            err=True,
        )


@click.command("membership")
@output_option
def show_membership(output: str) -> None:
    """Show what this machine is a member of."""
    found = membership.required(Machine.here())
    if output == "json":
        printing.print_json(told(found))
        return
    for name, value in facts(found):
        click.echo(f"{name:<15}{value}")


@click.command("refresh")
@output_option
def refresh(output: str) -> None:
    """Ask the directory what is trusted now, and for a new certificate where one is due.

    Settings of an older version are written anew; what was changed here since stays.
    """
    machine = Machine.here()
    if membership.required(machine).issuer:
        found = Member(machine, tell=progress).refresh()
    else:
        found = DomainMember(machine, run_command, tell=progress).refresh()
    if output == "json":
        printing.print_json(told(found))
    else:
        click.echo(f"This machine is {found.computer} of {found.domain}.")


COMMANDS = (join, leave, show_membership, refresh, token, workload)
