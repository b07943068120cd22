"""What turns installed packages into a system that may be copied: nothing of one machine in it.

Every step is idempotent.  Identity (machine id, host keys, seeds) is made by each machine
at its first boot; times are those of the packages.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heliostat.os.tree.chroot import Chroot
from heliostat.os.tree.edition import Edition
from heliostat.os.tree.exclusion import fits

# systemd takes this for "not yet set up": units with ConditionFirstBoot= run
MACHINE_ID = b"uninitialized\n"
_EMPTIED = ("run", "tmp", "var/tmp", "var/cache/ldconfig", "dev", "proc", "sys")
_REMOVED = (
    "etc/.pwd.lock",
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    "var/lib/systemd/random-seed",
)
# says that /etc and /var fit /usr, or the first boot would do all updates again
_UPDATED = ("etc/.updated", "var/.updated")


def finish(chroot: Chroot, edition: Edition) -> str:
    """All steps but the last, ``settle_times``; returns what the tree's programs said."""
    said = _apply_presets(chroot) + _compile(chroot, edition.bytecode)
    _forget_identity(chroot.root)
    for name in _UPDATED:
        told = f"# systemd-update-done(8)\nTIMESTAMP_NSEC={chroot.epoch}000000000\n"
        _write(chroot.root / name, told.encode())
    return said


def _apply_presets(chroot: Chroot) -> str:
    """Enable what presets enable; nothing was enabled before, but ``default.target`` stays."""
    if not chroot.has("/usr/bin/systemctl"):
        return ""
    done = chroot.run(
        ["/usr/bin/systemctl", "preset-all", "--preset-mode=enable-only"], timeout_s=120
    )
    # it names every link it makes; only what is more than that is news
    lines = (done.stdout + done.stderr).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("Created ", "Removed ")))


def _compile(chroot: Chroot, patterns: Sequence[str]) -> str:
    """Python modules that ``patterns`` name, with the times of their sources in them.

    Of a module that an upgrade replaces Python then makes the byte code anew; files that no
    package has would otherwise outlive it, and the old code with them.
    """
    folders = list(_modules(chroot.root, patterns))
    if not folders or not chroot.has("/usr/bin/python3"):
        return ""
    argv = ["/usr/bin/python3", "-I", "-m", "compileall", "-q"]
    argv += ["--invalidation-mode", "timestamp", "-i"]

    # a process a folder: which modules share one decides some bytes of what it writes
    def compiled(number: int) -> str:
        listed = f"/run/modules-{number}"  # /run is emptied with the rest
        lines = "".join(f"{path}\n" for path in folders[number])
        _write(chroot.root / listed.lstrip("/"), lines.encode())
        done = chroot.run([*argv, listed], timeout_s=600)
        return done.stdout + done.stderr

    with ThreadPoolExecutor(len(folders)) as pool:
        return "".join(pool.map(compiled, range(len(folders))))


def _modules(root: Path, patterns: Sequence[str]) -> Iterator[list[str]]:
    """Of each folder that patterns begin with the sources that they mean, as paths in the tree."""
    for folder in (each for each in patterns if not each.startswith("!")):
        there = root / folder.lstrip("/")
        if there.is_dir():
            found = sorted(f"/{path.relative_to(root)}" for path in there.rglob("*.py"))
            yield [path for path in found if fits(patterns, path)]


def _forget_identity(root: Path) -> None:
    for name in _EMPTIED:
        _empty(root / name)
    for name in _REMOVED:
        (root / name).unlink(missing_ok=True)
    for key in root.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    for log in root.glob("var/log/**/*"):
        if log.is_file() and not log.is_symlink() and log.stat().st_size:
            os.truncate(log, 0)
    _write(root / "etc/machine-id", MACHINE_ID)
    (root / "etc/machine-id").chmod(0o444)


def _empty(folder: Path) -> None:
    if not folder.is_dir() or folder.is_symlink():
        return
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _write(path: Path, data: bytes) -> None:
    """In place: owner and mode stay as the package has them, and the time if nothing changes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    if not new and path.read_bytes() == data:
        return  # packages of another day are in the tree too: their time is not this file's
    path.write_bytes(data)
    if new:
        path.chmod(0o644)  # whatever our own umask is


def settle_times(root: Path, epoch: int) -> None:
    """No file is younger than the packages; folders are as old, since files came into them."""
    limit = epoch * 1_000_000_000
    for path, info in _all_of(str(root)):
        if stat.S_ISDIR(info.st_mode) or info.st_mtime_ns > limit:
            os.utime(path, ns=(limit, limit), follow_symlinks=False)


def _all_of(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below ``folder``, folders after what is in them, ``folder`` itself last."""
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                yield from _all_of(entry.path)
            else:
                yield entry.path, entry.stat(follow_symlinks=False)
    yield folder, os.lstat(folder)
