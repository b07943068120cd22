"""Programs that work on a tree, shut in: own mounts and processes, no network, fixed surroundings.

What runs here may see nothing of the building machine: locale, time zone, time, umask,
home and proxy settings are ours, so that the same packages give the same tree anywhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import ENDING_WITH_US, Output, run

_PATH = "/usr/sbin:/usr/bin"
_UMASK = 0o022
# name, minor number of the memory devices (major 1); scripts and libraries need them
_DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}


@dataclass(frozen=True, slots=True)
class Chroot:
    """The tree at ``root`` at the time ``epoch`` (seconds since 1970)."""

    root: Path
    epoch: int

    def run(self, argv: Sequence[str], *, timeout_s: float) -> Output:
        """A program of the tree itself; raises ``CommandFailed``."""
        return self._run(["chroot", str(self.root), *argv], timeout_s)

    def run_on(self, argv: Sequence[str], *, timeout_s: float) -> Output:
        """A program of the host that enters the tree by itself, as ``rpm --root`` does."""
        return self._run(argv, timeout_s)

    def has(self, program: str) -> bool:
        """Is this absolute path a program of the tree?"""
        return os.access(self.root / program.lstrip("/"), os.X_OK)

    def _run(self, argv: Sequence[str], timeout_s: float) -> Output:
        proc = self.root / "proc"
        shut = [
            *ENDING_WITH_US,
            "unshare",
            "--mount",
            "--net",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
        ]
        return run(
            [*shut, f"--mount-proc={proc}", *argv],
            timeout_s=timeout_s,
            env=environment(self.epoch),
            umask=_UMASK,
        )


def environment(epoch: int) -> dict[str, str]:
    """All that programs learn from their surroundings."""
    return {
        "PATH": _PATH,
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(epoch),
        "SYSTEMD_OFFLINE": "1",
        "SYSTEMD_LOG_LEVEL": "warning",
    }


@contextmanager
def devices(root: Path) -> Iterator[None]:
    """Devices that programs in the tree can't do without, while they run."""
    made: list[Path] = []
    folder = root / "dev"
    # no package can give /proc its mode: the kernel's own is mounted there meanwhile
    for place, mode in ((root / "proc", 0o555), (folder, 0o755)):
        if not place.exists():
            place.mkdir(parents=True)
            place.chmod(mode)  # whatever our own umask is
    try:
        for name, minor in _DEVICES.items():
            path = folder / name
            if not path.exists():
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
                path.chmod(0o666)
                made.append(path)
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)
