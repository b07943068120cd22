"""``helio identity ca``: who signs a domain's certificates, by which policy; the root."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from heliostat.cli import options
from heliostat.cli.carrying import end, make, show_plan
from heliostat.cli.given_file import content
from heliostat.cli.identity_certificates import day
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.core.errors import PermanentError
from heliostat.wire.authority import AuthorityRoot, CertificatePolicy, Resealed

_ROOTS = (
    Column[AuthorityRoot]("root", lambda each: each.id),
    Column[AuthorityRoot]("state", lambda each: each.state),
    Column[AuthorityRoot]("subject", lambda each: each.subject),
    Column[AuthorityRoot]("ends", lambda each: day(each.not_after_time)),
    Column[AuthorityRoot]("sha-256", lambda each: each.fingerprint),
)


@click.group("ca", cls=Noun)
def authority() -> None:
    """The certificate authority of a domain, and the site's root."""


@authority.command("status")
@options.domain
@pass_session
def status(session: Session) -> None:
    """Tell who signs, where the keys are, and how it stands with the root."""
    found = session.client.authorities.get(session.domain)
    if session.output.json or session.output.quiet:
        session.output.entity(found)
        return
    session.output.items(found.roots, _ROOTS)
    issuer = found.issuer_subject or "nobody yet; made with the first certificate"
    session.output.line("")
    session.output.facts(
        [
            ("signs", issuer),
            ("until", day(found.issuer_not_after_time) or "-"),
            ("constrained", f"to {found.domain}" if found.name_constraints else "no"),
            ("keys", found.keys),
            ("revocation list", found.crl_url),
            ("next", f"{found.move}: {found.told}"),
        ]
    )


@authority.command("roots")
@pass_session
def roots(session: Session) -> None:
    """Print the roots to trust, as PEM."""
    found = session.client.authorities.get(session.domain)
    for each in found.roots:
        if each.state in ("next", "active", "retiring"):
            sys.stdout.write(each.certificate)


@authority.command("chain")
@options.domain
@pass_session
def chain(session: Session) -> None:
    """Print what a server of the domain shows after its own certificate, as PEM."""
    sys.stdout.write(session.client.authorities.get(session.domain).chain)


@authority.command("rotate")
@click.option(
    "--force", is_flag=True, help="Wait neither for hosts nor for certificates that still count."
)
@options.changes
@pass_session
def rotate(session: Session, force: bool) -> None:
    """Take the next step to another root: make it, let it sign, or retire the old one."""
    change = session.client.authorities.rotate(session.domain, force=force)
    make(session, change, lambda made: f"Next: {made.told}.")


@authority.command("cancel")
@options.changes
@pass_session
def cancel(session: Session) -> None:
    """Give up a root that does not sign yet."""
    change = session.client.authorities.cancel_rotation(session.domain)
    end(session, change, session.domain, "No root is on its way to sign.")


@authority.command("csr")
@options.changes
@pass_session
def csr(session: Session) -> None:
    """Print a request with which the company's authority signs the site's."""
    change = session.client.authorities.request(session.domain)
    make(session, change, lambda made: made.csr.rstrip())


@authority.command("install")
@click.argument("chain_file", metavar="CHAIN", type=click.Path(path_type=Path, allow_dash=True))
@options.changes
@pass_session
def install(session: Session, chain_file: Path) -> None:
    """Install what the company signed: the file CHAIN has it and all above it, to the root."""
    change = session.client.authorities.install(session.domain, content(chain_file))
    make(session, change, lambda made: f"Installed. Next: {made.told}.")


@authority.command("replace")
@click.option(
    "--reason",
    type=click.Choice(["superseded", "keyCompromise", "cessationOfOperation", "unspecified"]),
    default="superseded",
    show_default=True,
    help="Anything but superseded takes back all that it issued.",
)
@options.domain
@options.changes
@pass_session
def replace(session: Session, reason: str) -> None:
    """Let a new intermediate sign the domain's certificates."""
    change = session.client.authorities.replace_intermediate(session.domain, reason)
    end(session, change, session.domain, "A new intermediate signs from now on.")


def _resealed(made: Resealed) -> str:
    left = f" No key here opens {made.unreadable} others: see the log." if made.unreadable else ""
    return f"{made.keys} keys and secrets are sealed anew.{left}"


@authority.command("reseal")
@click.option(
    "--keep-key", is_flag=True, help="Make no new sealing key: one was put before the old one."
)
@options.changes
@pass_session
def reseal(session: Session, keep_key: bool) -> None:
    """Seal all keys and secrets of the site under a new sealing key."""
    change = session.client.authorities.reseal(session.domain, renew=not keep_key)
    make(session, change, _resealed)


@authority.group("policy", cls=Noun)
def policy() -> None:
    """What a domain's authority signs, for whom."""


@policy.command("show")
@options.domain
@pass_session
def show_policy(session: Session) -> None:
    """Print the policy as JSON, which `set` takes."""
    session.output.value(session.client.authorities.policy(session.domain))


@policy.command("set")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@options.domain
@options.changes
@pass_session
def set_policy(session: Session, file: Path) -> None:
    """Replace the policy with what is in FILE (JSON; - is standard input)."""
    try:
        wanted = msgspec.json.decode(content(file), type=CertificatePolicy)
    except msgspec.MsgspecError as error:
        raise PermanentError(
            "InvalidJson",
            f"The file holds no policy: {error}.",
            hint="Begin with `helio identity ca policy show`.",
        ) from error
    change = session.client.authorities.set_policy(session.domain, wanted)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    made = change.submit()
    if session.output.json:
        session.output.value(made)
    else:
        session.output.line(f"The policy of {session.domain} has {len(made.rules)} rules.")
