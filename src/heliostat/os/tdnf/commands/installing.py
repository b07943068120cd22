"""Commands that bring packages: install, update, downgrade, reinstall, distro-sync."""

from __future__ import annotations

from heliostat.os.tdnf.change.request import Request, change
from heliostat.os.tdnf.change.solve import Rules
from heliostat.os.tdnf.errors import NO_MATCH, PACKAGE_REQUIRED, TdnfError
from heliostat.os.tdnf.packages.scopes import compared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.session import Session


def _names(session: Session) -> tuple[str, ...]:
    if not session.arguments:
        told = f"{session.invocation.command} needs the name of a package."
        raise TdnfError(PACKAGE_REQUIRED, told)
    return session.arguments


def install(session: Session) -> int:
    """``install NAME|FILE|ADDRESS...``."""
    names = _names(session)

    def wish(wishes: Wishes) -> None:
        for name in names:
            if name.endswith(".rpm") and "/" in name:
                wishes.install_file(name.removeprefix("file://"))
            else:
                wishes.install(name, source=session.options.source)

    return change(session, Request(wish, _rules(session)))


def upgrade(session: Session) -> int:
    """``update [NAME...]``: without names, everything."""

    def wish(wishes: Wishes) -> None:
        if not session.arguments:
            wishes.upgrade_all()
        for name in session.arguments:
            wishes.upgrade(name)

    return change(session, Request(wish, _rules(session, may_downgrade=False)))


def downgrade(session: Session) -> int:
    """``downgrade [NAME...]``: without names, everything that has an older offer."""

    def wish(wishes: Wishes) -> None:
        names = session.arguments or _with_older_offers(wishes)
        for name in names:
            wishes.downgrade(name)

    return change(session, Request(wish, _rules(session)))


def _with_older_offers(wishes: Wishes) -> list[str]:
    found = [each.name for each in compared(wishes.packages, newer=False)]
    if not found:
        raise TdnfError(NO_MATCH, "Nothing that is installed has an older version on offer.")
    return found


def reinstall(session: Session) -> int:
    """``reinstall NAME...``."""
    names = _names(session)

    def wish(wishes: Wishes) -> None:
        for name in names:
            wishes.reinstall(name)

    return change(session, Request(wish, _rules(session)))


def distro_sync(session: Session) -> int:
    """``distro-sync [NAME...]``: as repositories have it; without names, everything."""

    def wish(wishes: Wishes) -> None:
        for name in session.arguments or ("",):
            wishes.synchronise(name)

    rules = _rules(session)
    rules.reinstall_changed = session.configuration.distrosync_reinstall_changed
    return change(session, Request(wish, rules))


def _rules(session: Session, *, may_downgrade: bool = True) -> Rules:
    return Rules(
        may_erase=session.options.allowerasing,
        may_downgrade=may_downgrade,
        best=session.options.best,
        skip_broken=session.options.skip_broken,
    )
