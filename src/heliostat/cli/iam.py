"""``helio NOUN iam``: who holds which role on a tenant, project, image, VM or disk.

The same verbs for every noun; each noun brings only how its names are found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from heliostat.cli import options
from heliostat.cli.carrying import carry_out
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.policies import EntityKind, PolicyOwner
from heliostat.core.roles import Role
from heliostat.wire.iam import RoleBinding, RoleBindingDelta, RoleBindingSpec

_ROLE = click.Choice([*Role], case_sensitive=False)
_ANY_ROLE = click.Choice([*Role, "all"], case_sensitive=False)
_COLUMNS = (
    Column[RoleBinding]("principal", lambda binding: binding.principal),
    Column[RoleBinding]("role", lambda binding: binding.role),
)

Find = Callable[..., str]
Options = Callable[[Any], Any]


def policy_commands(kind: EntityKind, find: Find, scope: Options = lambda verb: verb) -> Noun:
    """The group ``iam`` of a noun.

    ``find`` gives the id of a named entity: ``(session, name, **options of scope)``.
    """
    group = Noun("iam", help=f"Who holds which role on a {kind}.", no_args_is_help=True)

    def owner(session: Session, /, name: str, where: dict[str, Any]) -> PolicyOwner:
        return PolicyOwner(kind, find(session, name, **where))

    @group.command("show")
    @click.argument("name")
    @scope
    @pass_session
    def show(session: Session, /, name: str, **where: Any) -> None:
        """Show who holds which role on NAME (name or id)."""
        found = session.client.policies.get(owner(session, name, where))
        session.output.items(
            found, _COLUMNS, key=lambda each: each.principal, empty="Nobody by policy."
        )

    @group.command("add")
    @click.argument("name")
    @click.argument("principal")
    @click.argument("role", type=_ROLE)
    @scope
    @options.task
    @pass_session
    def add(session: Session, /, name: str, principal: str, role: str, **where: Any) -> None:
        """Give PRINCIPAL (user@domain or DOMAIN\\\\group) the ROLE on NAME."""
        delta = RoleBindingDelta(action="ADD", principal=principal, role=role)
        carry_out(session, session.client.policies.modify(owner(session, name, where), [delta]))

    @group.command("remove")
    @click.argument("name")
    @click.argument("principal")
    @click.argument("role", type=_ANY_ROLE)
    @scope
    @options.task
    @pass_session
    def remove(session: Session, /, name: str, principal: str, role: str, **where: Any) -> None:
        """Take the ROLE (or all) on NAME from PRINCIPAL."""
        taken = "*" if role == "all" else role
        delta = RoleBindingDelta(action="REMOVE", principal=principal, role=taken)
        carry_out(session, session.client.policies.modify(owner(session, name, where), [delta]))

    @group.command("set")
    @click.argument("name")
    @click.argument("bindings", nargs=-1, metavar="[ROLE=PRINCIPAL]...")
    @scope
    @options.task
    @pass_session
    def set_policy(session: Session, /, name: str, bindings: tuple[str, ...], **where: Any) -> None:
        """Replace the whole policy of NAME, e.g. by owner=DOMAIN\\\\leads viewer=ann@domain."""
        asked = [_binding(each) for each in bindings]
        carry_out(session, session.client.policies.set(owner(session, name, where), asked))

    return group


def _binding(text: str) -> RoleBindingSpec:
    role, equals, principal = text.partition("=")
    if not equals or role.lower() not in [*Role] or not principal:
        raise click.UsageError(f"{text!r} is not ROLE=PRINCIPAL with a role of {', '.join(Role)}.")
    return RoleBindingSpec(role=role.lower(), subjects=[principal])
