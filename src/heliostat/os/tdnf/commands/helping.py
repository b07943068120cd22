"""``help``: what tdnf can do, from the tables that it is parsed by."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session


def help(session: Session) -> int:
    """``help``, ``--help``."""
    from heliostat.os.tdnf.commands import COMMANDS

    session.out.value(sorted(COMMANDS))
    session.out.line("Usage: tdnf [options] COMMAND")
    session.out.lines(sorted(COMMANDS))
    return 0
