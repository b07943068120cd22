"""``history``: what was done to this system; taking it back and doing it again."""

from __future__ import annotations

import time

from heliostat.os.tdnf.errors import INVALID_ARGUMENT, INVALID_PARAMETER, NOTHING_TO_DO, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from heliostat.os.tdnf.history.database import Past
    from heliostat.os.tdnf.session import Session

# of numbers that SQLite can hold
_DIGITS = 18
_ALTERING = ("rollback", "undo", "redo")


def history(session: Session) -> int:
    """``history [list|init|update|rollback|undo|redo] [FIRST[-LAST]]``."""
    wanted = session.arguments[0] if session.arguments else "list"
    if wanted == "list":
        return _list(session)
    if wanted in ("init", "update"):
        return _update(session)
    if wanted in ("redo", "undo") and session.options.last:
        from heliostat.os.tdnf.change.interrupted import redo, undo

        return redo(session) if wanted == "redo" else undo(session)
    if wanted in _ALTERING:
        return _alter(session, wanted)
    known = ", ".join(("list", "init", "update", *_ALTERING))
    raise TdnfError(INVALID_ARGUMENT, f"history knows {known}, not {wanted}.")


def _range(session: Session) -> tuple[int, int]:
    """First and last transaction that are meant; 0 and 0 if none is named."""
    words = session.arguments[1:]
    if len(words) > 1:
        raise TdnfError(INVALID_ARGUMENT, f"history {session.arguments[0]} takes one range.")
    first, _, last = (words[0] if words else "").partition("-")
    options = session.options
    first, last = options.from_ or first, options.to or last
    for each in (first, last):
        if each and not (each.isdecimal() and len(each) <= _DIGITS and int(each)):
            raise TdnfError(INVALID_PARAMETER, f"{each} is not the number of a transaction.")
    if last and not first and session.arguments[:1] != ("rollback",):
        first = "1" if session.arguments[:1] in ((), ("list",)) else ""
    return int(first or 0), int(last or first or 0)


def _update(session: Session) -> int:
    from heliostat.os.tdnf.history.recording import catch_up

    session.exclusive()
    changed = catch_up(session)
    session.out.value({"Updated": changed})
    session.out.line("The history is up to date." if changed else "There was nothing to take in.")
    return 0


def _list(session: Session) -> int:
    from heliostat.os.tdnf.history.database import History

    first, last = _range(session)
    with History(session.persistdir) as opened:
        found = opened.past(first, last) if last else opened.past()
    if session.options.reverse:
        found.reverse()
    full = session.options.info
    session.out.value([_as_json(each, full=full) for each in found])
    # 41 columns are not the command line's
    width = session.out.width - 41
    session.out.line(f"ID   {'cmd line':<{width}} date/time             +add  / -rem")
    for each in found:
        when = time.strftime("%a %b %d %Y %H:%M", time.localtime(each.time_s))
        session.out.line(
            f"{each.id:>4} {each.command:<{width}} {when:<21}"
            f" +{len(each.added):<4} / -{len(each.removed):<4}"
        )
        if full:
            for label, nevras in (("added", each.added), ("removed", each.removed)):
                if nevras:
                    session.out.line(f"{label}: {', '.join(nevras)}")
            session.out.line()
    return 0


def _as_json(past: Past, *, full: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Id": past.id,
        "CmdLine": past.command,
        "TimeStamp": past.time_s,
        "AddedCount": len(past.added),
        "RemovedCount": len(past.removed),
    }
    if full:
        told |= {"Added": past.added, "Removed": past.removed}
    return told


def _alter(session: Session, wanted: str) -> int:
    from heliostat.os.tdnf.change.request import Request, planned, settle
    from heliostat.os.tdnf.change.solve import Rules
    from heliostat.os.tdnf.history.database import History
    from heliostat.os.tdnf.history.recording import catch_up, record_marks
    from heliostat.os.tdnf.history.replay import difference, wish_for

    first, last = _range(session)
    if not last or (wanted != "rollback" and not first):
        needed = "--to N" if wanted == "rollback" else "--from N and, for several, --to N"
        raise TdnfError(INVALID_PARAMETER, f"history {wanted} needs {needed}.")
    with History(session.persistdir):
        # there is one to go back in
        session.exclusive()
    catch_up(session)
    with History(session.persistdir) as opened:
        change = difference(opened, wanted, last if wanted == "rollback" else first, last)
    offers = bool(change.added)
    rules = Rules(may_erase=True)
    request = Request(lambda wishes: wish_for(session, wishes, change), rules, offers=offers)
    plan = planned(session, request)
    plan.marks = change.marks_with(plan)
    try:
        return settle(session, plan)
    except TdnfError as error:
        if error.number != NOTHING_TO_DO or not change.marks:
            raise
        record_marks(session, change.marks)
        session.out.value({})
        session.out.line("No package changes, only which of them were asked for.")
        return 0
