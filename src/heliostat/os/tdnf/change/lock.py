"""One program changes a system at a time: the others wait and say for whom.

Ours is the kernel's lock on a file that the contract names, so it is gone with its holder
however that ends.  Who only reads doesn't wait.  rpm has a lock of its own, for every
program that changes its database; without a terminal rpm gives up instead of waiting.
A package's script that calls us is refused: it would wait for itself.
"""

from __future__ import annotations

import itertools
import os
from fcntl import F_GETLK, LOCK_EX, LOCK_NB, fcntl, flock, lockf

from heliostat.os.tdnf.errors import WAITS_FOR_ITSELF, TdnfError
from heliostat.os.tdnf.packages.database import folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.output import Output
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
            number = os.pread(self._descriptor, 32, 0).strip().decode("ascii", "replace")
            session.out.warning(f"{told}, held by {_named(number)}")
            _refuse_own(number)
            flock(self._descriptor, LOCK_EX)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        # what is planned from here on is for what others have made of the system
        wait_for_rpm(session.root, session.out)
        _wait_for_writers(session.root, session.out)

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


def wait_for_rpm(root: str, out: Output) -> None:
    """Returns when no other program holds rpm's lock on the database of ``root``."""
    path = f"{root.rstrip('/')}{folder_of(root)}/.rpm.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        # no database yet, or one that can't be changed anyway
        return
    try:
        lockf(descriptor, LOCK_EX | LOCK_NB)
    except OSError:
        number = _locker(descriptor)
        out.warning(f"waiting for rpm's lock on {path}, held by {_named(number)}")
        _refuse_own(number)
        lockf(descriptor, LOCK_EX)
    finally:
        # rpm's own lock is this process's: it would be let go of together with this one
        os.close(descriptor)


def _wait_for_writers(root: str, out: Output) -> None:
    """Returns when nobody writes to the database without rpm's lock, which rpm awaits silently.

    Only while rpm hasn't opened it here: to close a file drops all its locks of a process.
    """
    path = f"{root.rstrip('/')}{folder_of(root)}/rpmdb.sqlite"
    if not os.access(path, os.W_OK):
        return
    # every change loads it, for history
    import sqlite3

    database = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        for waited in itertools.count():
            try:
                database.execute("begin immediate")
                database.execute("rollback")
                return
            except sqlite3.Error as error:
                if "locked" not in str(error):
                    # rpm itself says what is wrong with it
                    return
            if not waited:
                out.warning(f"waiting for {path}, which another program has locked")
                database.execute("pragma busy_timeout = 1000")
    finally:
        database.close()


def _locker(descriptor: int) -> str:
    """The number of the process that has locked a file, as the kernel tells."""
    import struct

    form = "hhqqi"
    asked = struct.pack(form, 1, os.SEEK_SET, 0, 0, 0)
    return str(struct.unpack(form, fcntl(descriptor, F_GETLK, asked)[: len(asked)])[-1])


def _refuse_own(number: str) -> None:
    """Raises ``TdnfError`` 1635 if process ``number`` has called us and waits for our end."""
    above = str(os.getppid())
    while above not in ("0", "1"):
        if above == number:
            told = f"{_named(number)} is changing packages itself and has called this."
            raise TdnfError(
                WAITS_FOR_ITSELF, told, "Run it when that has ended, not in its scripts."
            )
        above = _parent_of(above)


def _parent_of(number: str) -> str:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            # the name before may hold anything
            return file.read().rpartition(")")[2].split()[1]
    except OSError:
        return "0"


def _named(number: str) -> str:
    """``process 12 (tdnf install nginx)``."""
    if not number.isdigit() or number == "0":
        return "another process"
    try:
        with open(f"/proc/{number}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        words = ""
    return f"process {number} ({words})" if words else f"process {number}"
