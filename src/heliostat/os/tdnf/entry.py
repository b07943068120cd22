"""The program ``tdnf``: from an argument list to an exit code."""

from __future__ import annotations

import gc
import os
import sys
from errno import EPIPE

from heliostat.os.tdnf import VERSION
from heliostat.os.tdnf.arguments import Invocation, parse
from heliostat.os.tdnf.commands import command
from heliostat.os.tdnf.ending import ended
from heliostat.os.tdnf.errors import SYSTEM, TdnfError
from heliostat.os.tdnf.output import Output
from heliostat.os.tdnf.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """One run of tdnf with ``argv`` (without the program's name); its exit code."""
    # looking for garbage among 60,000 packages takes longer than listing them, and what
    # a run makes it needs until its end
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _told(argv, program)
    finally:
        if collecting:
            gc.enable()


def _told(argv: Sequence[str] | None, program: str | None) -> int:
    given = sys.argv[1:] if argv is None else argv
    name = sys.argv[0] if program is None else program
    out = Output(json="-j" in given or "--json" in given or name.endswith("tdnfj"))

    def run() -> int:
        invocation = parse(given, name)
        out.json, out.quiet = invocation.options.json, invocation.options.quiet
        return _run(invocation, out)

    doing = f"{name.rpartition('/')[2]} {' '.join(given)}"
    return ended(out, doing, run, verbose="-v" in given or "--verbose" in given)


def _run(invocation: Invocation, out: Output) -> int:
    if invocation.options.version:
        out.value({"Name": "tdnf", "Version": VERSION})
        out.line(f"tdnf: {VERSION}")
        return 0
    name = "help" if invocation.options.help else invocation.command
    run = command(name, os.geteuid())
    session = Session(invocation, out)
    if name != "help":
        session.see_interrupted()
    try:
        return run(session)
    except BrokenPipeError:
        if not session.is_exclusive:
            raise
        # that a change broke off must not look as if all were well
        out.abandon()
        told = "Nobody reads what is told any more, and so it was broken off."
        hint = "tdnf history list says whether anything was changed."
        raise TdnfError(SYSTEM + EPIPE, told, hint) from None
