"""``repolist``: which repositories there are."""

from __future__ import annotations

from heliostat.os.tdnf.errors import NO_CHOICE, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session

_FILTERS = ("all", "enabled", "disabled")


def repolist(session: Session) -> int:
    """``repolist [all|enabled|disabled]``."""
    which = session.arguments[0] if session.arguments else "enabled"
    if which not in _FILTERS:
        told = f"repolist knows {', '.join(_FILTERS)}, not {which}."
        raise TdnfError(NO_CHOICE, told)
    shown = [
        each
        for each in session.repositories
        if which == "all" or each.enabled == (which == "enabled")
    ]
    session.out.value(
        [{"Repo": each.id, "RepoName": each.name, "Enabled": each.enabled} for each in shown]
    )
    if shown:
        session.out.line(f"{'repo id':<20}{'repo name':<40}{'status':<10}")
    session.out.lines(
        f"{each.id:<20}{each.name:<40}{'enabled' if each.enabled else 'disabled':<10}"
        for each in shown
    )
    return 0
