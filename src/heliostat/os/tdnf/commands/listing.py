"""``list``, ``info``, ``count``, ``check-update``: packages by state, as columns or JSON."""

from __future__ import annotations

import time

import solv

from heliostat.os.tdnf.errors import LIST_EMPTY, NO_MATCH, UPDATES_AVAILABLE, TdnfError
from heliostat.os.tdnf.output import size_told
from heliostat.os.tdnf.packages.pool import in_order, split_evr
from heliostat.os.tdnf.packages.scopes import SCOPES, matching, narrowed, packages_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.session import Session

_SHARES = (55, 25, 15)


def list_(session: Session) -> int:
    """``list [SCOPE] [NAME...]``."""
    packages = _asked_for(session)
    if session.out.json:
        session.out.value([summary(each) for each in packages])
        return 0
    name, version, repository = session.out.columns(_SHARES)
    session.out.lines(
        f"{f'{each.name}.{each.arch}':<{name}} {split_evr(each.evr)[1]:<{version}}"
        f" {each.repo.name:>{repository}}"
        for each in packages
    )
    return 0


def summary(package: solv.XSolvable) -> dict[str, str]:
    """The four keys by which the contract names a package."""
    return {
        "Name": package.name,
        "Arch": package.arch,
        "Evr": split_evr(package.evr)[1],
        "Repo": package.repo.name,
    }


def info(session: Session) -> int:
    """``info [SCOPE] [NAME...]``."""
    packages = _asked_for(session)
    if session.out.json:
        session.out.value([_details(each) for each in packages])
        return 0
    total = 0
    for each in packages:
        total += each.lookup_num(solv.SOLVABLE_INSTALLSIZE)
        session.out.lines(_described(each))
        session.out.line()
    session.out.line(f"\nTotal Size: {size_told(total)} ({total})")
    return 0


def _details(package: solv.XSolvable) -> dict[str, str | int]:
    return {
        **summary(package),
        "Url": _text(package, solv.SOLVABLE_URL),
        "InstallSize": package.lookup_num(solv.SOLVABLE_INSTALLSIZE),
        "DownloadSize": package.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        "Summary": _text(package, solv.SOLVABLE_SUMMARY),
        "License": _text(package, solv.SOLVABLE_LICENSE),
        "Description": _text(package, solv.SOLVABLE_DESCRIPTION),
    }


def _text(package: solv.XSolvable, key: int) -> str:
    return package.lookup_str(key) or ""


def _described(package: solv.XSolvable) -> list[str]:
    epoch, rest = split_evr(package.evr)
    version, _, release = rest.rpartition("-")
    size = package.lookup_num(solv.SOLVABLE_INSTALLSIZE)
    fields = [
        ("Name", package.name),
        ("Arch", package.arch),
        ("Epoch", epoch),
        ("Version", version),
        ("Release", release),
        ("Install Size", f"{size_told(size)} ({size})"),
    ]
    if not package.isinstalled():
        size = package.lookup_num(solv.SOLVABLE_DOWNLOADSIZE)
        fields.append(("Download Size", f"{size_told(size)} ({size})"))
    fields += [
        ("Repo", package.repo.name),
        ("Summary", _text(package, solv.SOLVABLE_SUMMARY)),
        ("URL", _text(package, solv.SOLVABLE_URL)),
        ("License", _text(package, solv.SOLVABLE_LICENSE)),
        ("Description", _text(package, solv.SOLVABLE_DESCRIPTION)),
    ]
    return [f"{label:<13} : {value}" for label, value in fields]


def count(session: Session) -> int:
    """``count``: how many packages repositories and system have together."""
    packages = session.packages
    number = sum(1 for each in packages.pool.solvables if each.name[:6] != "patch:")
    session.out.value(number)
    session.out.line(f"Package count = {number}")
    return 0


def check_update(session: Session) -> int:
    """``check-update [NAME...]``: with the compatible setting, 100 if there are any."""
    try:
        packages = _found(session, "upgrades", session.arguments)
    except TdnfError as error:
        if error.number not in (NO_MATCH, LIST_EMPTY):
            raise
        packages = []
    if narrowed(session.options):
        from heliostat.os.tdnf.packages.advisories import advised_names

        names = advised_names(session)
        packages = [each for each in packages if each.name in names]
    session.out.value([summary(each) for each in packages])
    name, version, repository = session.out.columns(_SHARES)
    session.out.lines(
        f"{f'{each.name}.{each.arch}':<{name}} {split_evr(each.evr)[1]:<{version}}"
        f" {each.repo.name:>{repository}}"
        for each in packages
    )
    compatible = session.configuration.dnf_check_update_compat
    return UPDATES_AVAILABLE if packages and compatible else 0


def _asked_for(session: Session) -> list[solv.XSolvable]:
    """What scope and names mean; with ``-j`` nothing found is an empty list."""
    words = list(session.arguments)
    scope = SCOPES.get(words[0]) if words else None
    if scope is not None:
        words = words[1:]
    else:
        scope = next((SCOPES[each] for each in SCOPES if _chosen(session, each)), "all")
    try:
        return _found(session, scope, words)
    except TdnfError as error:
        if session.out.json and error.number in (NO_MATCH, LIST_EMPTY):
            return []
        raise


def _chosen(session: Session, scope: str) -> bool:
    return bool(getattr(session.options, scope, False))


def _found(session: Session, scope: str, names: Sequence[str]) -> list[solv.XSolvable]:
    within = packages_in(session, scope, now=time.time())
    found = in_order(matching(session, within, names) if names else within)
    if not found:
        told = f"No package matches {' '.join(names)}." if names else ""
        raise TdnfError(NO_MATCH if names else LIST_EMPTY, told)
    return found
