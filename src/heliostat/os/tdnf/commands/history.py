"""``history``: what a transaction that was cut off needs."""

from __future__ import annotations

from heliostat.os.tdnf.change.interrupted import redo, undo
from heliostat.os.tdnf.errors import INVALID_ARGUMENT, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session


def history(session: Session) -> int:
    """``history redo|undo --last``."""
    wanted = session.arguments[0] if session.arguments else "list"
    if session.options.last and wanted in ("redo", "undo"):
        return redo(session) if wanted == "redo" else undo(session)
    raise TdnfError(INVALID_ARGUMENT, f"history {wanted} is not known.")
