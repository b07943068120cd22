"""Starting a role as a process of its own, and learning whether it came up.

The child gets a pipe (``HELIO_READY_FD``) and writes one line to it: ``ready``,
or the error that kept it from starting, as JSON.  So the person who typed
``helio up`` sees "port taken" and not "see the log".
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.log_rotation import LOG_FILE_ENV

READY_ENV = "HELIO_READY_FD"


def start(role: str, home: Path, *, timeout_s: float) -> None:
    """Start ``python -m heliostat.server ROLE`` and return once it is ready.

    Raises the error the child reports, or ``InternalError`` naming the log.
    """
    log_path = home / "log" / f"{role}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    environ = {
        **os.environ,
        "HELIO_HOME": str(home),
        READY_ENV: str(writer),
        LOG_FILE_ENV: str(log_path),
    }
    with log_path.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "heliostat.server", role],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environ,
            pass_fds=[writer],
            start_new_session=True,
            cwd=home,
        )
    os.close(writer)
    try:
        line = _read_line(reader, timeout_s)
    finally:
        os.close(reader)
    if line == "ready":
        return
    if not line:
        raise PermanentError(
            "InternalError",
            f"The {role} did not start: {last_line(log_path)}",
            hint=f"Its log tells why: {log_path}",
        )
    told = json.loads(line)
    raise HeliostatError(told["code"], told["message"], hint=told["hint"])


def last_line(path: Path) -> str:
    """The last thing that a role said in its log."""
    lines = path.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing.")


def tell_ready() -> None:
    """Tell the parent, if there is one, that the role is up."""
    _tell("ready")


def tell_failed(error: HeliostatError) -> None:
    """Tell the parent, if there is one, why the role can't start."""
    _tell(json.dumps({"code": error.code, "message": error.message, "hint": error.hint}))


def _tell(line: str) -> None:
    handle = os.environ.pop(READY_ENV, None)
    if handle is not None:
        os.write(int(handle), line.encode() + b"\n")
        os.close(int(handle))


def _read_line(handle: int, timeout_s: float) -> str:
    """One line from the pipe; empty on end of file or when time is up."""
    deadline = time.monotonic() + timeout_s
    text = b""
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([handle], [], [], left)[0]:
            return ""
        chunk = os.read(handle, 4096)
        if not chunk:
            return ""
        text += chunk
    return text.decode().strip()
