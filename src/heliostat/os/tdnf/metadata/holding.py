"""Two tdnf on one cache: one renews a repository's metadata while others read it.

Locks are on folders, so that nobody needs to write to read.  Who renews holds the
repository's folder: a second one waits, and finds the work done.  Who reads holds
``repodata`` together with others: what they may still want to read is not swept.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Hold:
    """A lock on ``folder`` until ``release``; kept by the process, lost with it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._descriptor = -1

    def __del__(self) -> None:
        self.release()

    def share(self) -> None:
        """Together with other readers; without the folder there is nothing to keep."""
        self._try(fcntl.LOCK_SH | fcntl.LOCK_NB)

    def claim(self) -> bool:
        """Alone, if nobody else holds it."""
        return self._try(fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait(self, waiting: Callable[[], None]) -> bool:
        """Alone, in a folder made if need be; ``waiting`` is called when that takes time.

        False if it took none.
        """
        waited = False
        os.makedirs(self.folder, exist_ok=True)
        while not self._try(fcntl.LOCK_EX | fcntl.LOCK_NB):
            if not waited:
                waited = True
                waiting()
            if self._try(fcntl.LOCK_EX):
                break
            # a clean has taken the folder away in the meantime
            os.makedirs(self.folder, exist_ok=True)
        return waited

    def _try(self, how: int) -> bool:
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            # a file system without locks: one tdnf at a time is then up to its users
            pass
        if not _is_at(descriptor, self.folder):
            os.close(descriptor)
            return False
        self.release()
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets others have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _is_at(descriptor: int, path: str) -> bool:
    try:
        here, there = os.fstat(descriptor), os.stat(path)
    except OSError:
        return False
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)
