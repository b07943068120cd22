"""Advisories of repositories: what they fix, how bad it was, and whether it is still to do."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.errors import INVALID_PARAMETER, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from heliostat.os.tdnf.arguments import Options
    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.session import Session

SECURITY = "Security"
# as the JSON names them; whatever isn't known is the first
KINDS = ("Unknown", SECURITY, "Bugfix", "Enhancement")
# bands of CVSS scores: least and greatest
_BANDS = {
    "low": (0.1, 3.9),
    "moderate": (4.0, 6.9),
    "medium": (4.0, 6.9),
    "important": (7.0, 8.9),
    "high": (7.0, 8.9),
    "critical": (9.0, 10.0),
}


class Fix:
    """One package of an advisory: the first version in which it is mended."""

    __slots__ = ("arch", "evr", "file", "name")

    def __init__(self, name: str, evr: str, arch: str, file: str) -> None:
        self.name = name
        self.evr = evr
        self.arch = arch
        self.file = file or f"{name}-{evr}.{arch}.rpm"


class Advisory:
    """``kind`` is one of ``KINDS``; ``severity`` as the repository writes it."""

    __slots__ = ("description", "fixes", "id", "kind", "reboot", "severity", "time_s")

    def __init__(self, patch: solv.XSolvable) -> None:
        kind = (patch.lookup_str(solv.SOLVABLE_PATCHCATEGORY) or "").capitalize()
        self.id = patch.name.removeprefix("patch:")
        self.kind = kind if kind in KINDS else KINDS[0]
        self.severity = patch.lookup_str(solv.UPDATE_SEVERITY) or ""
        self.time_s = int(patch.lookup_num(solv.SOLVABLE_BUILDTIME))
        self.description = patch.lookup_str(solv.SOLVABLE_DESCRIPTION) or ""
        self.reboot = bool(patch.lookup_void(solv.UPDATE_REBOOT))
        self.fixes = _fixes(patch)


def _fixes(patch: solv.XSolvable) -> list[Fix]:
    found = []
    entries = patch.Dataiterator(solv.UPDATE_COLLECTION_NAME, None, 0)
    entries.prepend_keyname(solv.UPDATE_COLLECTION)
    for each in entries:
        entry = each.parentpos()
        found.append(
            Fix(
                each.idstr,
                entry.lookup_str(solv.UPDATE_COLLECTION_EVR) or "",
                entry.lookup_str(solv.UPDATE_COLLECTION_ARCH) or "",
                entry.lookup_str(solv.UPDATE_COLLECTION_FILENAME) or "",
            )
        )
    return found


def advisories(session: Session) -> list[Advisory]:
    """Those of all repositories that ``--security`` and its like leave, sorted by id."""
    # in a pool of their own: the other one is indexed already, for what it holds
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    found = {}
    for each in session.packages.repos:
        repo = pool.add_repo(each.name)
        each.appdata.load_advisories(repo)
        told = [Advisory(patch) for patch in repo.solvables]
        found.update({one.id: one for one in told if wanted(session.options, one)})
    return [found[id] for id in sorted(found)]


def wanted(options: Options, advisory: Advisory) -> bool:
    """Whether ``--security``, ``--sec-severity`` and ``--reboot-required`` leave it."""
    if options.reboot_required and not advisory.reboot:
        return False
    if options.sec_severity is not None:
        least = _score(options.sec_severity, 0)
        if least is None:
            told = f"--sec-severity={options.sec_severity} is no score and no severity."
            raise TdnfError(INVALID_PARAMETER, told, "A score up to 10, or low to critical.")
        # of a band its greatest score counts: it may be as bad as that
        score = _score(advisory.severity, 1)
        return advisory.kind == SECURITY and score is not None and score >= least
    return not options.security or advisory.kind == SECURITY


def _score(severity: str, side: int) -> float | None:
    band = _BANDS.get(severity.lower())
    if band is not None:
        return band[side]
    try:
        return float(severity)
    except ValueError:
        return None


class Installed:
    """What is installed, by name and architecture, to compare fixes with."""

    def __init__(self, packages: Packages, only: Iterable[solv.XSolvable] | None = None) -> None:
        self._pool: solv.Pool = packages.pool
        self._versions: dict[tuple[str, str], list[solv.XSolvable]] = {}
        for each in packages.installed.solvables if only is None else only:
            self._versions.setdefault((each.name, each.arch), []).append(each)

    def is_pending(self, fix: Fix) -> bool | None:
        """Whether it is newer than all that is installed; None if nothing of it is."""
        there = self._versions.get((fix.name, fix.arch))
        if not there:
            return None
        older = self._pool.Dep(fix.name).Rel(solv.REL_LT, self._pool.Dep(fix.evr))
        # with this key libsolv compares name and version
        return all(each.matchesdep(solv.SOLVABLE_NAME, older) for each in there)


def advised_names(session: Session) -> set[str]:
    """Names of installed packages that an advisory asks to be newer."""
    installed = Installed(session.packages)
    return {
        fix.name for each in advisories(session) for fix in each.fixes if installed.is_pending(fix)
    }
