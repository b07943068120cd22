"""Commands that bring packages: install, update, downgrade, reinstall, distro-sync."""

from __future__ import annotations

from heliostat.os.tdnf.change.request import Request, change
from heliostat.os.tdnf.change.solve import Rules
from heliostat.os.tdnf.errors import NO_MATCH, PACKAGE_REQUIRED, TdnfError
from heliostat.os.tdnf.packages.scopes import compared, newest

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
    from heliostat.os.tdnf.change.local import package_path

    names = _names(session)
    if session.options.builddeps:
        return _install_build_needs(session, names)
    if not session.only_shows:
        session.exclusive()
    paths = {name: package_path(session, name) for name in names}

    def wish(wishes: Wishes) -> None:
        for name in names:
            if paths[name]:
                wishes.install_file(paths[name])
            else:
                wishes.install(name, source=session.options.source)

    return change(session, Request(wish, _rules(session)))


def _install_build_needs(session: Session, names: tuple[str, ...]) -> int:
    """``install --builddeps NAME|FILE...``: what these sources need to be built."""
    from heliostat.os.tdnf.change.local import package_path
    from heliostat.os.tdnf.change.unsolved import build_needs

    def wish(wishes: Wishes) -> None:
        for name in names:
            path = package_path(session, name)
            sources = [wishes.add_file(path)] if path else wishes.names.sources(name)
            if not sources:
                wishes.missing.append(name)
            else:
                build_needs(wishes, newest(sources))

    return change(session, Request(wish, _rules(session)))


def upgrade(session: Session) -> int:
    """``update [NAME...]``: without names, everything; or what advisories are about."""
    options = session.options
    advised = options.security or options.sec_severity is not None or options.reboot_required

    def wish(wishes: Wishes) -> None:
        names = session.arguments
        if advised:
            from heliostat.os.tdnf.packages.advisories import advised_names

            meant = advised_names(session)
            names = tuple(name for name in names or sorted(meant) if name in meant)
        elif not names:
            wishes.upgrade_all()
        for name in names:
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
        weak=session.configuration.install_weak_deps,
    )
