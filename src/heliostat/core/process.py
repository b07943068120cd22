"""Running other programs: argument lists only, never a shell, always a time-out.

A failure carries argv, exit code and both outputs, because that is what the
person reading the error needs.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliostat.core.errors import HeliostatError

ENDING_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""Before a program: it is killed when we are, however that comes about.  For what would go on
writing where whoever repeats the work cleans up; its own children are its own business."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program that ended well printed."""

    stdout: str
    stderr: str


class CommandFailed(HeliostatError):
    """A program was missing, timed out or exited non-zero."""

    def __init__(
        self, argv: Sequence[str], exit_code: int | None, stdout: str, stderr: str, why: str
    ) -> None:
        tail = (stderr.strip() or stdout.strip()).splitlines()[-1:] or [""]
        super().__init__(
            "CommandFailed",
            f"{argv[0]} {why}" + (f": {tail[0]}" if tail[0] else "") + ".",
            data={
                "argv": list(argv),
                "exitCode": exit_code,
                "stdout": stdout[-4000:],
                "stderr": stderr[-4000:],
            },
        )
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


def run(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    umask: int = -1,
) -> Output:
    """Run ``argv`` to its end; with our own umask unless one is given.

    Raises ``CommandFailed`` when the program is missing, exits non-zero, or is
    still running after ``timeout_s`` seconds (it is then killed).
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            timeout=timeout_s,
            env=env,
            cwd=cwd,
            umask=umask,
        )
    except FileNotFoundError as error:
        raise CommandFailed(argv, None, "", str(error), "is not installed") from error
    except PermissionError as error:
        raise CommandFailed(argv, None, "", str(error), "can't be executed") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(
            argv, None, "", _text(error.stderr), f"did not end within {timeout_s:g} s"
        ) from error
    out, err = _text(done.stdout), _text(done.stderr)
    if done.returncode != 0:
        raise CommandFailed(argv, done.returncode, out, err, f"exited with {done.returncode}")
    return Output(out, err)


async def run_async(argv: Sequence[str], *, timeout_s: float) -> Output:
    """``run`` without blocking the event loop; cancelling kills the program."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise CommandFailed(argv, None, "", str(error), "is not installed") from error
    except PermissionError as error:
        raise CommandFailed(argv, None, "", str(error), "can't be executed") from error
    try:
        async with asyncio.timeout(timeout_s):
            raw_out, raw_err = await process.communicate()
    except TimeoutError as error:
        raise CommandFailed(argv, None, "", "", f"did not end within {timeout_s:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    out, err = _text(raw_out), _text(raw_err)
    if process.returncode != 0:
        raise CommandFailed(argv, process.returncode, out, err, f"exited with {process.returncode}")
    return Output(out, err)


def _text(raw: bytes | str | None) -> str:
    if raw is None:
        return ""
    return raw if isinstance(raw, str) else raw.decode(errors="replace")
