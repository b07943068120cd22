"""Advisories of repositories, read when an option asks which updates they are about."""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import INVALID_PARAMETER, TdnfError
from heliostat.os.tdnf.metadata.cache import UPDATEINFO, Cached
from heliostat.os.tdnf.packages.scopes import BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliostat.os.tdnf.session import Session

# words of severity as numbers of CVSS 3: the least of each class
_SEVERITIES = {"critical": 9.0, "important": 7.0, "high": 7.0, "moderate": 4.0, "medium": 4.0}


def advised_names(session: Session) -> set[str]:
    """Installed packages for which an advisory that the options mean has a newer version."""
    least = _least(session)
    packages = session.packages
    older = BY_NAME | solv.Selection.SELECTION_INSTALLED_ONLY
    found = set()
    for repo in packages.repos:
        _pool, advisories = _read(repo.appdata)
        for advisory in advisories:
            if not _meant(session, advisory, least):
                continue
            for name, evr, arch in _packages(advisory):
                if packages.pool.select(f"{name}.{arch} < {evr}", older).solvables():
                    found.add(name)
    return found


def _least(session: Session) -> float | None:
    told = session.options.sec_severity
    try:
        return None if told is None else float(told)
    except ValueError:
        raise TdnfError(INVALID_PARAMETER, f"--sec-severity={told} is not a number.") from None


def _read(cached: Cached) -> tuple[solv.Pool, list[solv.XSolvable]]:
    # the pool owns what is in it, so it goes along
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    part = cached.parts(pool.add_repo("index")).get(UPDATEINFO)
    repo = pool.add_repo("advisories")
    if part is not None and os.path.exists(cached.path("repodata", part.file_name)):
        repo.add_updateinfoxml(cached.open_part(part), 0)
    return pool, list(repo.solvables)


def _meant(session: Session, advisory: solv.XSolvable, least: float | None) -> bool:
    options = session.options
    kind = advisory.lookup_str(solv.SOLVABLE_PATCHCATEGORY)
    if (options.security or least is not None) and kind != "security":
        return False
    if options.reboot_required and not advisory.lookup_void(solv.UPDATE_REBOOT):
        return False
    return least is None or severity(advisory) >= least


def severity(advisory: solv.XSolvable) -> float:
    """As a number of CVSS 3, whether it is told as one or as a word; 0 if it isn't told."""
    told = (advisory.lookup_str(solv.UPDATE_SEVERITY) or "").strip().lower()
    try:
        return float(told)
    except ValueError:
        return _SEVERITIES.get(told, 0.0)


def _packages(advisory: solv.XSolvable) -> Iterator[tuple[str, str, str]]:
    """Name, version and architecture of the packages that it is about."""
    for each in advisory.Dataiterator(solv.UPDATE_COLLECTION):
        entry = each.pos()
        yield (
            entry.lookup_str(solv.UPDATE_COLLECTION_NAME),
            entry.lookup_str(solv.UPDATE_COLLECTION_EVR),
            entry.lookup_str(solv.UPDATE_COLLECTION_ARCH),
        )
