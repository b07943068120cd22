"""The folder a build works in, and what an interrupted one leaves behind.

While packages are installed, /proc, /sys and devices are mounted below the folder.
A build that is killed leaves those mounts, so nothing is removed before they are
released: removing through them would reach the host.  Whoever works in a folder holds its
lock, which ends with the process: one that nobody holds is a left-over.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from heliostat.core.process import run

_PREFIX = "work-"
_MOUNTS = Path("/proc/self/mountinfo")
_UNLINKING_THREADS, _TOGETHER = 8, 32
_OCTAL = re.compile(r"\\([0-7]{3})")


@contextmanager
def workspace(out_dir: Path, prefix: str = _PREFIX) -> Iterator[Path]:
    """A fresh folder in ``out_dir``, removed at the end unless it was renamed.

    What killed processes left is removed first: folders whose names begin with ``prefix``.
    """
    with ExitStack() as held:
        with _locked(out_dir):  # or a folder could be taken for a left-over before it is locked
            for stale in out_dir.glob(f"{glob.escape(prefix)}*"):
                _remove_unused(stale)
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=out_dir))
            held.enter_context(_locked(folder))
        folder.chmod(0o755)  # apt's sandbox user must reach what lies in it
        try:
            yield folder
        finally:
            if folder.is_dir():
                remove(folder)


def _remove_unused(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        return
    with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_NB):
        remove(folder)


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    """``BlockingIOError`` with ``LOCK_NB`` if another has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(handle)


def remove(folder: Path) -> None:
    """Release every mount below ``folder``, then remove it."""
    for point in reversed(mounts_below(folder, _MOUNTS.read_text())):
        run(["umount", "--lazy", str(point)], timeout_s=60)
    if os.geteuid() != 0:
        _open_folders(folder)
    _unlink_files(folder)
    shutil.rmtree(folder)


def _open_folders(folder: Path) -> None:
    """Let a user into folders of his own that may not be read or written to, such as a build's."""
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):  # looks into each after this has seen it
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o700)


def _unlink_files(folder: Path) -> None:
    """All files below ``folder``, several at once.

    A file system that tells the disk of every block that gets free waits for it each time:
    one after the other, the 7,500 files of a tree took 8 s; so they take half a second.
    """
    files = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    groups = [files[start : start + _TOGETHER] for start in range(0, len(files), _TOGETHER)]
    with ThreadPoolExecutor(_UNLINKING_THREADS) as pool:
        for _ in pool.map(_unlink, groups):
            pass  # the errors of all


def _unlink(paths: list[str]) -> None:
    for path in paths:
        os.unlink(path)


def mounts_below(folder: Path, mountinfo: str) -> list[Path]:
    """Mount points in or below ``folder``, in the order they were mounted; see proc(5)."""
    below = folder.resolve()
    fields = (line.split(" ") for line in mountinfo.splitlines())
    points = (Path(_OCTAL.sub(_character, field[4])) for field in fields if len(field) > 4)
    return [point for point in points if point.is_relative_to(below)]


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 8))
