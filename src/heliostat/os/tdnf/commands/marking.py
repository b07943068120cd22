"""``mark``: says that packages were asked for, or came only for others."""

from __future__ import annotations

from heliostat.os.tdnf.errors import INVALID_ARGUMENT, INVALID_PARAMETER, NO_MATCH, TdnfError
from heliostat.os.tdnf.packages.scopes import matching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session

_AUTOMATIC = {"install": False, "remove": True}


def mark(session: Session) -> int:
    """``mark install|remove NAME...``."""
    from heliostat.os.tdnf.history.recording import record_marks

    if len(session.arguments) < 2:
        told = "mark needs install or remove, and names of packages."
        raise TdnfError(INVALID_PARAMETER, told)
    wanted, *names = session.arguments
    if wanted not in _AUTOMATIC:
        raise TdnfError(INVALID_ARGUMENT, f"mark knows install and remove, not {wanted}.")
    installed = list(session.installed_packages.installed.solvables)
    found: set[str] = set()
    for name in names:
        meant = {each.name for each in matching(session, installed, [name])}
        if not meant:
            raise TdnfError(NO_MATCH, f"No installed package matches {name}.")
        found |= meant
    session.exclusive()
    record_marks(session, dict.fromkeys(found, _AUTOMATIC[wanted]))
    session.out.value(sorted(found))
    how = "come for others" if _AUTOMATIC[wanted] else "asked for"
    session.out.lines(f"{each} counts as {how}." for each in sorted(found))
    return 0
