"""One tdnf changes a system at a time: the others wait and say for whom.

The lock is the kernel's, on a file that the contract names, so it is gone with its
holder however that ends.  Who only reads doesn't wait.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, flock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session

PATH = "/var/run/.tdnf-instance-lockfile"


def path_of(session: Session) -> str:
    """Of the lock for the session's root."""
    if session.root == "/":
        return PATH
    # an empty root may get /var/run as a link later, so it can't be a folder now
    return os.path.join(session.persistdir, os.path.basename(PATH))


class InstanceLock:
    """Held from when it is made until the process ends or ``release`` is called."""

    def __init__(self, session: Session) -> None:
        path = path_of(session)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            told = f"waiting for tdnf_instance lock on {path}"
            session.out.warning(f"{told}, held by {_holder(self._descriptor)}")
            flock(self._descriptor, LOCK_EX)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Lets the next one go."""
        os.close(self._descriptor)


def is_held(session: Session) -> bool:
    """Whether somebody is changing the system just now."""
    try:
        descriptor = os.open(path_of(session), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(descriptor: int) -> str:
    """``process 12 (tdnf install nginx)``: who has written its number into the lock file."""
    number = os.pread(descriptor, 32, 0).strip().decode("ascii", "replace")
    if not number.isdigit():
        return "another process"
    try:
        with open(f"/proc/{number}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        words = ""
    return f"process {number} ({words})" if words else f"process {number}"
