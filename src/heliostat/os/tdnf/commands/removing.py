"""Commands that take packages away: erase and autoremove."""

from __future__ import annotations

from heliostat.os.tdnf.change.request import Request, change
from heliostat.os.tdnf.change.solve import Rules
from heliostat.os.tdnf.errors import PACKAGE_REQUIRED, TdnfError
from heliostat.os.tdnf.history.marks import automatic_names, unneeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.session import Session


def erase(session: Session) -> int:
    """``erase NAME...``, with everything that needs it."""
    if not session.arguments:
        raise TdnfError(PACKAGE_REQUIRED, "erase needs the name of a package.")
    clean = session.configuration.clean_requirements_on_remove and not session.options.noautoremove
    return _erase(session, clean=clean)


def autoremove(session: Session) -> int:
    """``autoremove [NAME...]``: with what came only for it; without names, all such."""
    if session.arguments:
        return _erase(session, clean=True)

    def wish(wishes: Wishes) -> None:
        for each in unneeded(wishes.packages, _removable(session)):
            wishes.erase(str(each))

    return change(session, Request(wish, Rules(may_erase=True), offers=False))


def _erase(session: Session, *, clean: bool) -> int:
    def wish(wishes: Wishes) -> None:
        if clean:
            wishes.keep_all_but(_removable(session))
        for name in session.arguments:
            wishes.erase(name, clean_dependencies=clean)

    return change(session, Request(wish, Rules(may_erase=True), offers=False))


def _removable(session: Session) -> frozenset[str]:
    """Names that may go unasked: what came for others, and nothing that is protected."""
    return automatic_names(session) - {"tdnf", *session.configuration.beside("protected.d")}
