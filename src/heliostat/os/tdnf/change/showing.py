"""A plan as people see it: a table a kind, sizes, and the question."""

from __future__ import annotations

from heliostat.os.tdnf.change.plan import (
    DOWNGRADE,
    INSTALL,
    KINDS,
    OBSOLETE,
    REINSTALL,
    REMOVE,
    UPGRADE,
)
from heliostat.os.tdnf.output import size_told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.output import Output

_SHARES = (30, 15, 20, 15, 10)
_HEADS = {
    INSTALL: "Installing:",
    UPGRADE: "Upgrading:",
    DOWNGRADE: "Downgrading:",
    REMOVE: "Removing:",
    REINSTALL: "Reinstalling:",
    OBSOLETE: "Obsoleting:",
}


def show(plan: Plan, out: Output, *, reasons: bool = False) -> None:
    """Prints ``plan``; with ``reasons`` (``-v``), who wanted each package."""
    for each in plan.missing:
        out.line(f"No package {each} available")
    for each in plan.existing:
        out.line(f"Package {each} is already installed, skipping.")
    for each in plan.left_out:
        out.line(f"Package {each} is left out, because what it needs can't be had.")
    for each in plan.staying:
        out.line(f"{each[0].upper()}{each[1:]}.")
    for kind in KINDS:
        _show_kind(plan, kind, out, reasons=reasons)
    if plan:
        out.line()
        out.line(f"Total download size: {size_told(plan.download_bytes)}")


def _show_kind(plan: Plan, kind: str, out: Output, *, reasons: bool) -> None:
    steps = plan.of(kind)
    if not steps:
        return
    name, arch, evr, repo, size = out.columns(_SHARES)
    out.line()
    out.line(_HEADS[kind])
    for each in steps:
        out.line(
            f"{each.name:<{name}} {each.arch:<{arch}} {each.evr:<{evr}} {each.repo:<{repo}}"
            f" {size_told(each.installed_bytes):>{size}}"
        )
        if reasons and each.why:
            out.line(f"    {each.why}")
    out.line()
    total = sum(each.installed_bytes for each in steps)
    verb = "removed" if kind in (REMOVE, OBSOLETE) else "installed"
    out.line(f"Total {verb} size: {size_told(total)}")
