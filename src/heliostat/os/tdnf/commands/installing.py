"""Commands that bring packages: install, update, downgrade, reinstall, distro-sync."""

from __future__ import annotations

from heliostat.os.tdnf.change.request import Request, change
from heliostat.os.tdnf.change.solve import Rules
from heliostat.os.tdnf.errors import NO_DOWNGRADES, PACKAGE_REQUIRED, TdnfError

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

    return change(session, Request(wish, _rules(session)))


def downgrade(session: Session) -> int:
    """``downgrade [NAME...]``: without names, everything that has an older offer."""

    def wish(wishes: Wishes) -> None:
        names = session.arguments or [each.name for each in wishes.packages.installed.solvables]
        for name in names:
            wishes.downgrade(name)
        if not wishes.jobs and not wishes.missing:
            raise TdnfError(NO_DOWNGRADES)

    return change(session, Request(wish, _rules(session, may_downgrade=True)))


def reinstall(session: Session) -> int:
    """``reinstall NAME...``."""
    names = _names(session)

    def wish(wishes: Wishes) -> None:
        for name in names:
            wishes.reinstall(name)

    return change(session, Request(wish, _rules(session)))


def distro_sync(session: Session) -> int:
    """``distro-sync``: everything as repositories have it."""
    return change(
        session,
        Request(lambda wishes: wishes.synchronise(), _rules(session, may_downgrade=True)),
    )


def _rules(session: Session, *, may_downgrade: bool = False) -> Rules:
    return Rules(
        may_erase=session.options.allowerasing,
        may_downgrade=may_downgrade,
        best=session.options.best,
        skip_broken=session.options.skip_broken,
    )
