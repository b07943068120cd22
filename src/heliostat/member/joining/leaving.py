"""Leaving: what joining changed is taken back, all of it that can be.

A step that fails does not keep the others from being taken back; it stays in the journal, and
leaving again goes on with it.  The machine is ``leaving`` from the first step to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.member.joining import membership
from heliostat.member.joining.journal import Journal, Stuck, sentence_of
from heliostat.member.joining.log_in import ENTRY
from heliostat.member.joining.trust import forget_trust
from heliostat.member.places import Machine
from heliostat.member.stores import MACHINE, Stores

Tell = Callable[[str], None]


def leave(machine: Machine, journal: Journal, tell: Tell) -> list[str]:
    """Take back what joining changed; gives where files lie that somebody had changed since.

    Raises ``MembershipRemains`` if not all of it could be; ``tell`` has each then.
    """
    present = membership.read(machine)
    if present is not None and not present.leaving:
        membership.keep(machine, replace(present, leaving=True))
    undone = journal.undo()
    stuck = list(undone.stuck)
    if present is None or present.issuer:  # others gave it no certificate
        stuck += _tried("its certificate", lambda: _forget_certificate(machine))
        stuck += _tried("whom it trusts", lambda: forget_trust(machine))
    if stuck:
        for path in undone.aside:
            tell(f"{path} is what somebody had changed since")
        raise _remains(stuck, tell)
    machine.key_under_way.unlink(missing_ok=True)
    machine.membership.unlink(missing_ok=True)
    return list(undone.aside)


def _forget_certificate(machine: Machine) -> None:
    entries = Stores(machine).entries(MACHINE)
    if any(each.name == ENTRY for each in entries.list()):
        entries.delete(ENTRY)


def _tried(what: str, effect: Callable[[], None]) -> list[Stuck]:
    try:
        effect()
    except (HeliostatError, OSError) as error:
        return [Stuck(what, sentence_of(error))]
    return []


def _remains(stuck: list[Stuck], tell: Tell) -> PermanentError:
    for each in stuck:
        tell(f"not taken back: {each.what}: {each.why}")
    names = ", ".join(each.what for each in stuck)
    return PermanentError(
        "MembershipRemains",
        f"Everything but this is taken back: {names}.",
        hint="Repair what is told above, then run `helio identity leave` again: it goes on there.",
    )
