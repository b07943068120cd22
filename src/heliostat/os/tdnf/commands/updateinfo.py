"""``updateinfo``: advisories for what is installed, as numbers, a list, or in full."""

from __future__ import annotations

import time

from heliostat.os.tdnf.errors import NO_DATA, NO_MATCH, TdnfError
from heliostat.os.tdnf.packages.advisories import KINDS, Advisory, Fix, Installed, advisories
from heliostat.os.tdnf.packages.scopes import RECENT_S, SCOPES, matching, packages_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from heliostat.os.tdnf.session import Session

_MODES = ("summary", "list", "info")
# scopes that ask for more than what is still to do
_DONE = ("installed", "all", "recent")
# scopes of packages, of which only the names count here
_NARROW = ("extras", "obsoletes", "downgrades")


def updateinfo(session: Session) -> int:
    """``updateinfo [list|info|summary] [SCOPE] [NAME...]``."""
    options, words = session.options, list(session.arguments)
    given = {"list": options.list_, "info": options.info, "summary": options.summary}
    mode = next((each for each in _MODES if given[each]), "summary")
    if words and words[0] in _MODES:
        mode = words.pop(0)
    scope = next((SCOPES[each] for each in SCOPES if getattr(options, each, False)), "available")
    if words and words[0] in SCOPES:
        scope = SCOPES[words.pop(0)]
    found = _found(session, scope, words)
    if mode == "summary":
        return _summary(session, found)
    full = mode == "info"
    session.out.value([_as_json(each, fixes, full=full) for each, fixes in found])
    for each, fixes in found:
        for fix in fixes:
            session.out.lines(_lines(each, fix) if full else [f"{each.id} {each.kind} {fix.file}"])
    return 0


def _found(session: Session, scope: str, names: list[str]) -> list[tuple[Advisory, list[Fix]]]:
    """Advisories with those of their packages that ``scope`` and ``names`` leave."""
    packages = session.packages
    have = list(packages.installed.solvables)
    if names:
        have = matching(session, have, names)
        if not have:
            raise TdnfError(NO_MATCH, f"No installed package matches {' '.join(names)}.")
    if scope in _NARROW:
        narrow = {each.name for each in packages_in(session, scope, now=time.time())}
        have = [each for each in have if each.name in narrow]
    installed = Installed(packages, have)
    since = time.time() - RECENT_S if scope == "recent" else 0
    wanted = {"installed": (False,)}.get(scope, (True, False) if scope in _DONE else (True,))
    found = []
    for each in advisories(session):
        fixes = [fix for fix in each.fixes if installed.is_pending(fix) in wanted]
        if fixes and each.time_s >= since:
            found.append((each, fixes))
    return found


def _summary(session: Session, found: list[tuple[Advisory, list[Fix]]]) -> int:
    counts = dict.fromkeys(KINDS, 0)
    for each, _ in found:
        counts[each.kind] += 1
    session.out.value(counts)
    if not found:
        if not session.out.quiet:
            session.out.line("\n0 updates.")
        raise TdnfError(NO_DATA)
    session.out.lines(f"{number} {kind} notice(s)" for kind, number in counts.items() if number)
    return 0


def _updated(advisory: Advisory) -> str:
    return time.strftime("%c", time.localtime(advisory.time_s))


def _as_json(advisory: Advisory, fixes: list[Fix], *, full: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"Type": advisory.kind, "UpdateID": advisory.id}
    if full:
        told["Updated"] = _updated(advisory)
        told["NeedsReboot"] = advisory.reboot
        told["Description"] = advisory.description
    told["Packages"] = [each.file for each in fixes]
    return told


def _lines(advisory: Advisory, fix: Fix) -> list[str]:
    return [
        f"       Name : {fix.file}",
        f"  Update ID : {advisory.id}",
        f"       Type : {advisory.kind}",
        f"    Updated : {_updated(advisory)}",
        f"Needs Reboot: {int(advisory.reboot)}",
        f"Description : {advisory.description}",
    ]
