"""How history gets to know of a change: what others did before it, and what it did.

``catch_up`` comes before anything is changed, so that a history that can't be written
stops a change while nothing has happened; ``record`` comes after rpm, whatever it did.
"""

from __future__ import annotations

import time

from heliostat.os.tdnf.change import journal
from heliostat.os.tdnf.history.database import UNKNOWN, History
from heliostat.os.tdnf.history.marks import marks_after
from heliostat.os.tdnf.history.system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from heliostat.os.tdnf.change.journal import Entry
    from heliostat.os.tdnf.session import Session


def catch_up(session: Session) -> bool:
    """Takes in what was done without us; whether there was anything.

    What a run left behind that was cut off is told under that run's name.
    """
    with History(session.persistdir, create=True) as history:
        system = System(session.root)
        entry = journal.read(session.persistdir)
        if entry is None or not history.last or history.cookie == system.cookie:
            return history.follow(system, int(time.time()))
        marks = marks_after(entry.plan, history.automatic())
        return history.follow(system, entry.time_s, _told(entry.argv), marks)


def record(session: Session, entry: Entry) -> None:
    """What has become of ``entry``'s plan, or of the part of it that rpm could do."""
    with History(session.persistdir, create=True) as history:
        system = System(session.root)
        if system.cookie != history.cookie:
            marks = marks_after(entry.plan, history.automatic())
            history.follow(system, entry.time_s, _told(entry.argv), marks)


def record_marks(session: Session, marks: Mapping[str, bool]) -> None:
    """Names that from now on count as asked for (False) or as come for others (True)."""
    catch_up(session)
    with History(session.persistdir) as history:
        known = history.automatic()
        new = {name: value for name, value in marks.items() if value != (name in known)}
        if new:
            now, argv = int(time.time()), session.invocation.argv
            history.follow(System(session.root), now, _told(argv), new)


def _told(argv: tuple[str, ...]) -> str:
    return " ".join(argv) or UNKNOWN
