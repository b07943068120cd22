"""``helio identity policy``: the rules of a directory's tenant."""

from __future__ import annotations

from collections.abc import Iterable

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import show_plan
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.calls import Change
from heliostat.wire.identity_policies import IdentityPolicy, IdentityPolicySetting

_COLUMNS = (
    Column[IdentityPolicySetting]("setting", lambda each: each.path),
    Column[IdentityPolicySetting]("value", lambda each: text.cell(each.value)),
    Column[IdentityPolicySetting]("site", lambda each: text.cell(each.default)),
    Column[IdentityPolicySetting]("whose", lambda each: "own" if each.own else "site's"),
)
_generation = click.option(
    "--generation", type=int, help="Only if nobody has changed the policy since this generation."
)


@click.group("policy", cls=Noun)
def policy() -> None:
    """Rules for passwords, lockout, lifetimes and what else a tenant may set."""


@policy.command("show")
@click.argument("sections", nargs=-1)
@options.domain
@pass_session
def show(session: Session, sections: tuple[str, ...]) -> None:
    """Show all settings, or those of SECTIONS, and what they mean (with -o json)."""
    found = session.client.identity_policies.get(session.domain)
    if session.output.json and not sections:
        session.output.entity(found)
        return
    for section in sections:
        if not any(_is_in(each.path, (section,)) for each in found.settings):
            known = dict.fromkeys(each.path.partition(".")[0] for each in found.settings)
            raise click.UsageError(
                f"There is no section {section!r}; there are {', '.join(known)}."
            )
    chosen = [each for each in found.settings if _is_in(each.path, sections)]
    session.output.items(chosen, _COLUMNS, key=lambda each: each.path, empty="No settings.")
    if not session.output.json:
        session.output.note(f"{found.domain}, generation {found.generation}.")


@policy.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--unset", multiple=True, metavar="KEY", help="The site's value counts again.")
@_generation
@options.domain
@options.changes
@pass_session
def set_(
    session: Session, settings: tuple[str, ...], unset: tuple[str, ...], generation: int | None
) -> None:
    """Set KEY=VALUE, such as passwords.minimum_length=12; lists are written a,b."""
    change = session.client.identity_policies.change(
        session.domain, dict(_read(settings)), unset, generation=generation
    )
    carry_out(session, change)


@policy.command("reset")
@click.argument("settings", nargs=-1, metavar="[KEY]...")
@_generation
@options.domain
@options.changes
@pass_session
def reset(session: Session, settings: tuple[str, ...], generation: int | None) -> None:
    """Give up the tenant's own settings KEY, or all: the site's count again."""
    policies = session.client.identity_policies
    if settings:
        change = policies.change(session.domain, {}, settings, generation=generation)
    else:
        change = policies.reset(session.domain, generation=generation)
    carry_out(session, change)


def carry_out(session: Session, change: Change[IdentityPolicy]) -> None:
    """Change a policy, or show what that would do."""
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    changed = change.submit()
    if session.output.json or session.output.quiet:
        session.output.entity(changed)
        return
    for line in changed.changes or ["Nothing is different."]:
        session.output.line(line)
    session.output.note(f"{changed.domain}, generation {changed.generation}.")


def _read(settings: Iterable[str]) -> Iterable[tuple[str, str]]:
    for each in settings:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{each!r} is not KEY=VALUE.")
        yield key, value


def _is_in(path: str, sections: tuple[str, ...]) -> bool:
    return not sections or any(path == each or path.startswith(f"{each}.") for each in sections)
