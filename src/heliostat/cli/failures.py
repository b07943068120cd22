"""Errors as a person and a script see them: sentence, code, hint; and the exit code.

Exit codes are part of the interface: scripts branch on them.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from heliostat.core.errors import HeliostatError

OK = 0
REFUSED = 1
USAGE = 2
UNREACHABLE = 3
NOT_SIGNED_IN = 4
TASK_FAILED = 5
INTERRUPTED = 130

EXIT_CODES = {
    OK: "done",
    REFUSED: "refused or failed",
    USAGE: "wrong usage",
    UNREACHABLE: "no answer from the platform",
    NOT_SIGNED_IN: "not signed in",
    TASK_FAILED: "the task failed",
    INTERRUPTED: "interrupted",
}

_UNREACHABLE = frozenset({"Unreachable", "CertificateInvalid", "NotRunning"})
_SIGN_IN = frozenset(
    {
        "MissingAuthToken",
        "InvalidAuthToken",
        "ExpiredAuthToken",
        "InvalidClient",
        "InvalidGrant",
        "InvalidLoginCredentials",
    }
)


class Interrupted(Exception):
    """Ctrl-C while something goes on that does not stop with the command."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def exit_code(error: BaseException) -> int:
    """The exit code that belongs to an error."""
    match error:
        case click.UsageError():
            return USAGE
        case click.exceptions.Exit():
            return error.exit_code
        case Interrupted() | click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case HeliostatError():
            return _of(error)
        case _:
            return REFUSED


def _of(error: HeliostatError) -> int:
    from heliostat.client.waiting import TaskFailed  # keeps `helio --help` free of the client

    if isinstance(error, TaskFailed):
        return TASK_FAILED
    if error.code in _UNREACHABLE:
        return UNREACHABLE
    return NOT_SIGNED_IN if error.code in _SIGN_IN else REFUSED


def fail(error: BaseException, *, as_json: bool) -> int:
    """Tell the error on standard error; returns the exit code."""
    code = exit_code(error)
    if isinstance(error, BrokenPipeError):
        _leave_pipe()
        return REFUSED
    if isinstance(error, click.exceptions.Exit):
        return code
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
        print(error.format_message(), file=sys.stderr)  # a noun without a verb: its verbs
        return code
    if as_json:
        print(json.dumps(_as_object(error), indent=2), file=sys.stderr)
    else:
        print(_as_text(error), file=sys.stderr)
    return code


def wants_json(argv: Sequence[str]) -> bool:
    """Whether ``-o json`` stands on the command line, before anything is parsed."""
    before = [*argv[: argv.index("--")]] if "--" in argv else [*argv]
    if "-ojson" in before or "--output=json" in before:
        return True
    return any(pair in (("-o", "json"), ("--output", "json")) for pair in pairwise(before))


def _parts(error: BaseException) -> tuple[str, str, str]:
    """Code, sentence and hint."""
    match error:
        case HeliostatError():
            return error.code, error.message, error.hint
        case Interrupted():
            return "Interrupted", error.message, error.hint
        case click.UsageError():
            path = error.ctx.command_path if error.ctx is not None else "helio"
            return "UsageError", error.format_message(), f"`{path} --help` shows how."
        case click.ClickException():
            return "UsageError", error.format_message(), ""
        case click.Abort() | KeyboardInterrupt():
            return "Interrupted", "Interrupted.", ""
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            where = error.filename or "the folder in use"
            hint = "Free space on that disk, and run the same again."
            return "DiskFull", f"There is no space left to write {where}.", hint
        case OSError():
            return "CommandFailed", f"{error.filename or 'The system'}: {error.strerror}.", ""
        case _:
            hint = "This is a defect in helio; HELIO_DEBUG=1 shows where."
            return "InternalError", f"{type(error).__name__}: {error}", hint


def _as_object(error: BaseException) -> dict[str, object]:
    code, message, hint = _parts(error)
    told: dict[str, object] = {"code": code, "message": message, "hint": hint}
    if isinstance(error, HeliostatError) and error.data:
        told["data"] = error.data
    return told


def _as_text(error: BaseException) -> str:
    if os.environ.get("HELIO_DEBUG"):
        import traceback

        return "".join(traceback.format_exception(error)).rstrip()
    code, message, hint = _parts(error)
    if code == "Interrupted" and not hint:
        return message
    text = f"Error: {message}\nCode:  {code}"
    return f"{text}\nHint:  {hint}" if hint else text


def _leave_pipe() -> None:
    """Nobody reads our output any more: keep the interpreter from complaining at its end."""
    handle = os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, sys.stdout.fileno())
    os.close(handle)
