"""A transaction that its run did not see to its end: what of it is done, and the way out.

The journal says what was meant, rpm's database what has become of it.  Completing goes
over everything that came once more: its last package may lack its scripts, and what runs
at a transaction's end (triggers for all files) has not run at all.
"""

from __future__ import annotations

import time

from heliostat.os.tdnf.change import journal
from heliostat.os.tdnf.change.plan import REINSTALL, REMOVE, Plan, Step
from heliostat.os.tdnf.errors import HISTORY, NO_MATCH, NOTHING_TO_DO, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.session import Session

_WAYS_OUT = "tdnf history redo --last completes it, tdnf history undo --last takes it back."
_SHOWN = 8


def told(session: Session) -> str:
    """What an earlier run left behind, for the first line of this one; empty if nothing."""
    entry = journal.read(session.persistdir)
    if entry is None:
        return ""
    present = _present(session)
    came = [each.nevra for each in entry.plan.bringing]
    gone = _meant_to_go(entry.plan)
    done = [each for each in came if each in present] + [
        f"{each} (gone)" for each in gone if each not in present
    ]
    undone = [each for each in came if each not in present] + [
        f"{each} (to go)" for each in gone if each in present
    ]
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time_s))
    return (
        f"The transaction of {when} (tdnf {' '.join(entry.argv)}) was cut off."
        f"  Done: {_some(done)}.  Not done: {_some(undone)}.\n{_WAYS_OUT}"
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "nothing"


def _present(session: Session) -> set[str]:
    return {str(each) for each in session.installed_packages.installed.solvables}


def _meant_to_go(plan: Plan) -> list[str]:
    """NEVRAs that would not be there afterwards, each once."""
    old = [each for step in plan.bringing if step.kind != REINSTALL for each in step.replaces]
    return list(dict.fromkeys([*old, *(each.nevra for each in plan.going)]))


def _entry(session: Session) -> journal.Entry:
    entry = journal.read(session.persistdir)
    if entry is None:
        told = "No transaction was cut off."
        raise TdnfError(HISTORY, told, "tdnf history list shows those that came to their end.")
    return entry


def redo(session: Session) -> int:
    """``history redo --last``: what was begun is completed, with the files that were fetched."""
    # its end needs a module that only changes load
    from heliostat.os.tdnf.change.request import settle

    session.exclusive()
    entry = _entry(session)
    present = _present(session)
    enabled = {each.id for each in session.repositories if each.enabled}
    # what only that run's options brought in is not asked again: its files were fetched
    places = {step.nevra: step.location for step in entry.plan.bringing if step.repo in enabled}
    places = {**entry.files, **places}
    steps = [_again(step, present, places[step.nevra]) for step in entry.plan.bringing]
    steps += [_going(each) for each in _meant_to_go(entry.plan) if each in present]
    if not steps:
        return _closed(session, "All of it is done.")
    return settle(session, Plan(steps, wanted=entry.plan.wanted))


def _again(step: Step, present: set[str], location: str) -> Step:
    fields = {name: getattr(step, name) for name in Step.__slots__} | {"location": location}
    if step.nevra in present:
        fields["kind"] = REINSTALL
    # what was replaced goes by a step of its own
    fields["replaces"] = ()
    return Step(**fields)


def _going(nevra: str) -> Step:
    rest, _, arch = nevra.rpartition(".")
    name, version, release = rest.rsplit("-", 2)
    return Step(REMOVE, name, f"{version}-{release}", arch, repo="@System")


def undo(session: Session) -> int:
    """``history undo --last``: what came goes, what went comes back from the repositories.

    Raises ``TdnfError`` 1011 naming what no repository offers any more.
    """
    from heliostat.os.tdnf.change.overwritten import overwritten
    from heliostat.os.tdnf.change.request import Request, change
    from heliostat.os.tdnf.change.solve import Rules

    session.exclusive()
    plan = _entry(session).plan
    present = _present(session)
    came = [
        each.nevra for each in plan.bringing if each.kind != REINSTALL and each.nevra in present
    ]
    gone = [each for each in _meant_to_go(plan) if each not in present]
    # rpm unpacks a package before its database has it, and takes the old one away after that
    old = {each for step in plan.bringing for each in step.replaces if each in present}
    torn = overwritten(session.root, old)
    if not (came or gone or torn):
        return _closed(session, "Nothing of it was done.")

    def wish(wishes: Wishes) -> None:
        for each in came:
            wishes.erase(each)
        for each in (*gone, *torn):
            _bring_back(wishes, each, needed=each in gone)

    try:
        return change(session, Request(wish, Rules(may_erase=True, may_downgrade=True)))
    except TdnfError as error:
        if error.number != NOTHING_TO_DO:
            raise
        told = f"No repository offers {', '.join(torn)}, whose files were overwritten."
        raise TdnfError(NO_MATCH, told, _WAYS_OUT) from None


def _bring_back(wishes: Wishes, nevra: str, *, needed: bool) -> None:
    offers = wishes.names.named(nevra).offered
    if offers:
        wishes.exactly(offers[0])
    elif needed:
        wishes.missing.append(nevra)


def _closed(session: Session, told: str) -> int:
    from heliostat.os.tdnf.history.recording import catch_up

    catch_up(session)
    journal.remove(session.persistdir)
    session.out.line(f"{told}  There is nothing to do.")
    return 0
