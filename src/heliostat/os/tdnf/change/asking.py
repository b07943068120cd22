"""Questions to the person: ``-y`` answers them, and without an answer nothing is done."""

from __future__ import annotations

from heliostat.os.tdnf.errors import INVALID_INPUT, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.output import Output
    from heliostat.os.tdnf.session import Session


def agreed(session: Session) -> bool:
    """Whether the person says yes; no answer, ``--assumeno`` and ``-j`` without ``-y`` say no."""
    options = session.options
    if options.assumeyes or options.assumeno or session.out.json:
        return options.assumeyes and not options.assumeno
    return answered(session.out)


def answered(out: Output) -> bool:
    """What is typed; ``TdnfError`` 1033 if it is neither yes nor no."""
    out.results.write("Is this ok [y/N]: ")
    out.results.flush()
    import sys

    answer = ""
    try:
        answer = sys.stdin.readline() if sys.stdin is not None else ""
    finally:
        if answer[-1:] != "\n":
            # what comes next begins a line, also after an end of input or ^C
            out.line()
    word = answer.strip().lower()
    if word not in ("", "y", "yes", "n", "no"):
        raise TdnfError(INVALID_INPUT, f"{word} is neither yes nor no; nothing was changed.")
    return word in ("y", "yes")
