"""Who may log in to a machine, and become root there: a choice, and the files that it makes.

Pure text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.member.joining.lines import listed, unwritable


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may log in to this machine; no group at all: everybody of the domain."""

    groups: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    ssh_passwords: bool = False
    """Over SSH with their passwords, too, where the machine takes keys only."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """All groups whose people log in; none: everybody does."""
        return tuple(sorted({*self.groups, *self.administrators})) if self.groups else ()


def admitted(admission: Admission, everybody: str) -> Iterator[tuple[str, str]]:
    """Who may log in: those groups, or ``everybody`` says."""
    yield "access_provider", "simple" if admission.allowed else everybody
    if admission.allowed:
        yield "simple_allow_groups", listed(admission.allowed)


def sudoers(admission: Admission) -> str:
    """The text of a sudoers file that lets the administrators' groups do everything."""
    rules = [f"%{_escaped(group)} ALL=(ALL:ALL) ALL" for group in admission.administrators]
    return "".join(f"{rule}\n" for rule in rules)


def ssh_passwords(admission: Admission) -> str:
    """Settings of sshd by which people of the allowed groups log in with their passwords, too.

    A block of sshd_config(5) for them alone: accounts of the machine still need their keys.
    Raises ``InvalidEntity`` for a group that it can't name.
    """
    for group in admission.allowed:
        if not group.isprintable() or any(char in '*?!,"\\' for char in group):
            raise unwritable(group)
    return f'Match Group "{",".join(admission.allowed)}"\n    PasswordAuthentication yes\n'


def _escaped(group: str) -> str:
    """A group as sudoers spells it (sudoers(5), "User_List")."""
    if not group or not group.isprintable():
        raise unwritable(group)
    special = '@!=:,()\\" '
    return "".join(f"\\{char}" if char in special else char for char in group)
