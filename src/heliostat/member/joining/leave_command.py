"""``helio identity leave``: what joining changed is taken back."""

from __future__ import annotations

import click

from heliostat.member.joining import membership
from heliostat.member.joining.computer_account import Credentials
from heliostat.member.joining.domain_command import password_of
from heliostat.member.joining.join import Member
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.showing import progress
from heliostat.member.places import Machine


@click.command("leave")
@click.option("--yes", is_flag=True, help="Without asking.")
@click.option(
    "--ad-user", default="", metavar="USER", help="Who deletes the computer in Active Directory."
)
@click.option("--keep-computer", is_flag=True, help="Disable it there and don't delete it.")
def leave(yes: bool, ad_user: str, keep_computer: bool) -> None:
    """Take back what joining changed on this machine; its certificate is deleted.

    What can't be taken back is told, and the rest is; then run it again.  Of an Active
    Directory domain, the password of --ad-user is the first line of standard input, or asked
    for; without that option the computer's account stays there.
    """
    machine = Machine.here()
    present = membership.required(machine)
    _check(present, ad_user, keep=keep_computer)
    if not yes:
        click.confirm(f"People of {present.domain} can no longer log in here. Go on?", abort=True)
    credentials = None
    if ad_user and not present.account_ended:
        credentials = Credentials(ad_user, password_of(ad_user), keep_computer)
    for path in Member(machine, tell=progress).leave(credentials):
        click.echo(f"{path} is what somebody had changed since.", err=True)
    click.echo(f"This machine is no longer {present.computer} of {present.domain}.")
    if not present.issuer and credentials is None and not present.account_ended:
        click.echo(
            f"Its account {present.computer} stays in {present.domain} until an administrator "
            f"deletes it there: `adcli delete-computer --domain {present.domain} "
            f"{present.computer}`.",
            err=True,
        )


def _check(present: Membership, ad_user: str, *, keep: bool) -> None:
    if ad_user and present.issuer:
        raise click.UsageError(f"--ad-user is for Active Directory, and {present.domain} is none.")
    if keep and not ad_user:
        raise click.UsageError("--keep-computer needs --ad-user, who disables it.")
