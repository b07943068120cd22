"""What taking back or repeating past transactions means: packages that go, packages that come.

``rollback``, ``undo`` and ``redo`` are each the whole difference between two states of
the past, applied to what is installed now; marks (asked for or not) go with it.
"""

from __future__ import annotations

from heliostat.os.tdnf.errors import INVALID_PARAMETER, NO_MATCH, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.history.database import History
    from heliostat.os.tdnf.session import Session


class Difference:
    """From one state of the past to another: NEVRAs, and marks by name."""

    __slots__ = ("added", "automatic", "marks", "removed")

    def __init__(self, history: History, since: int, to: int) -> None:
        old, new = history.state(since), history.state(to)
        self.added = sorted(new - old)
        self.removed = sorted(old - new)
        were, are = history.automatic(since), history.automatic(to)
        self.marks = {name: name in are for name in were ^ are}
        self.automatic = are

    def marks_with(self, plan: Plan) -> dict[str, bool]:
        """Marks that change, and those of what ``plan`` brings back: nobody asks for it now."""
        return {step.name: step.name in self.automatic for step in plan.bringing} | self.marks


def difference(history: History, command: str, first: int, last: int) -> Difference:
    """What ``command`` asks of transactions ``first`` to ``last``.

    Raises ``TdnfError`` 1622 for transactions that there are not.
    """
    newest = history.last
    earliest = 1 if command == "rollback" else 2
    if first > last or first < earliest or last > newest:
        told = str(first) if first == last else f"{first} to {last}"
        raise TdnfError(
            INVALID_PARAMETER,
            f"{command} takes transactions from {earliest} to {newest}, not {told}.",
            "tdnf history list shows them; before the first there is nothing.",
        )
    if command == "rollback":
        return Difference(history, newest, last)
    if command == "undo":
        return Difference(history, last, first - 1)
    return Difference(history, first - 1, last)


def wish_for(session: Session, wishes: Wishes, change: Difference) -> None:
    """The jobs of ``change``.  What is already so needs none.

    Raises ``TdnfError`` 1011, after a list of them, if packages that must come are offered
    nowhere; with ``--skip-broken`` they are only listed.
    """
    there = {str(each): each for each in wishes.packages.installed.solvables}
    missing = []
    for nevra in change.removed:
        if nevra in there:
            wishes.erase(nevra)
    for nevra in change.added:
        if nevra in there:
            continue
        offers = [each for each in wishes.names.named(nevra).offered if str(each) == nevra]
        if offers:
            wishes.exactly(offers[0])
        else:
            missing.append(nevra)
    if missing:
        session.out.warning("No repository offers these any more:")
        for each in missing:
            session.out.warning(f"  {each}")
        if not session.options.skip_broken:
            told = f"No repository offers {', '.join(missing)}."
            raise TdnfError(NO_MATCH, told, "--enablerepo takes in others; --skip-broken goes on.")
