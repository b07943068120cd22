"""One change from its wish to its end: plan, show, ask, carry out."""

from __future__ import annotations

from heliostat.os.tdnf.change.asking import agreed
from heliostat.os.tdnf.change.plan import OBSOLETE, Plan
from heliostat.os.tdnf.change.showing import show
from heliostat.os.tdnf.change.solve import Rules, solve
from heliostat.os.tdnf.change.wishes import Wishes
from heliostat.os.tdnf.errors import (
    ABORTED,
    NO_MATCH,
    NOTHING_TO_DO,
    PROTECTED,
    TdnfError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.session import Session


# what --debugsolver leaves, in the folder in which it is called
_TESTCASE = "debugdata"


class Request:
    """What a command wants.

    ``wish`` puts it into jobs; ``offers`` says whether repositories are needed at all.
    """

    def __init__(
        self,
        wish: Callable[[Wishes], None],
        rules: Rules,
        *,
        offers: bool = True,
    ) -> None:
        self.wish = wish
        self.rules = rules
        self.offers = offers


def change(session: Session, request: Request) -> int:
    """Does what ``request`` asks, after the person has agreed.  Raises ``TdnfError``."""
    if not session.only_shows:
        session.exclusive()
    return settle(session, planned(session, request))


def planned(session: Session, request: Request) -> Plan:
    """The plan for ``request``, checked against what is protected."""
    packages = session.packages if request.offers else session.installed_packages
    if not request.offers:
        packages.index()
    options = session.options
    if options.debugsolver:
        request.rules.testcase = _TESTCASE
    if options.alldeps or options.nodeps or options.source:
        return _planned_apart(session, packages, request)
    several = bool(session.configuration.installonlypkgs)
    if several:
        from heliostat.os.tdnf.change.multiple import allow_several, erase_surplus

        allow_several(session, packages)
    wishes = Wishes(packages)
    request.wish(wishes)
    for line in session.configuration.beside("locks.d"):
        wishes.lock(line)
    plan = solve(wishes, request.rules)
    if several and erase_surplus(session, wishes, plan):
        plan = solve(wishes, request.rules)
    _spare_protected(session, plan)
    return plan


def _planned_apart(session: Session, packages: Packages, request: Request) -> Plan:
    """Plans that leave the system as it is: downloads, and sources, which rpm only unpacks."""
    from heliostat.os.tdnf.change.unsolved import as_named, forget_installed

    if session.options.alldeps:
        forget_installed(packages)
    wishes = Wishes(packages)
    request.wish(wishes)
    if session.options.nodeps or session.options.source:
        return as_named(wishes)
    return solve(wishes, request.rules)


def _spare_protected(session: Session, plan: Plan) -> None:
    if not plan.going:
        return
    from heliostat.os.tdnf.change.multiple import running_kernel

    protected = {"tdnf", *session.configuration.beside("protected.d")}
    kernel = running_kernel(session)
    for each in plan.going:
        if each.name in protected or each.nevra in kernel:
            how = f" ({each.why})" if each.kind == OBSOLETE else ""
            raise TdnfError(PROTECTED, f"{each.nevra} would go{how}, and it is protected.")


def settle(session: Session, plan: Plan) -> int:
    """Shows ``plan``, asks, and carries it out."""
    out, options = session.out, session.options
    if plan.missing and not (options.skip_broken and plan):
        raise TdnfError(NO_MATCH, f"No package matches {' '.join(plan.missing)}.")
    if not (options.quiet and options.assumeyes):
        show(plan, out, reasons=options.verbose)
    if not plan:
        if plan.wanted and not session.only_shows:
            _remember_wanted(session, plan)
        raise TdnfError(NOTHING_TO_DO)
    if options.dryrun:
        out.value(plan.as_json())
        out.line("\nThis can be done.  Nothing was changed: --dryrun only shows it.")
        return 0
    if not agreed(session):
        out.value(plan.as_json())
        raise TdnfError(ABORTED, "Nothing was changed, as you chose.")
    from heliostat.os.tdnf.change.carrying import carry_out

    carry_out(session, plan)
    out.value(plan.as_json())
    out.line("\nComplete!")
    return 0


def _remember_wanted(session: Session, plan: Plan) -> None:
    """What came for others and is asked for now stays when those others go."""
    from heliostat.os.tdnf.history.marks import automatic_names

    marks = dict.fromkeys(plan.wanted & automatic_names(session), False)
    if marks:
        from heliostat.os.tdnf.history.recording import record_marks

        record_marks(session, marks)
