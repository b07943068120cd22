"""Where builds run: no network, no privileges, a root that can't be written to.

bubblewrap makes the namespaces.  Called by root, it is started as a user of no one's, so
that nothing in the sandbox ever was root outside; inside, that user is ``builder`` (1000).
Only ``/build`` (and ``/kept``) can be written to, and both have a limit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.recipe import Limits

BUILDER_ID = 1000
"""The builder inside the sandbox."""
OUTSIDE_ID = 64_917
"""The builder outside, when root calls: an id that no user or service has (Debian Policy 9.2.2
leaves 60000 to 64999 to packages that ask for one, and none asks for this)."""

_LOOK_EVERY_S = 5.0
_SYSTEM = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The folders that a build sees, and its limits."""

    root: Path
    build: Path
    inputs: tuple[Input, ...] = ()
    kept: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)

    def argv(self, command: Sequence[str], *, as_root: bool) -> list[str]:
        """``command`` in the sandbox."""
        binds = [part for each in self.inputs for part in _read_only(each)]
        kept = ["--bind", str(self.kept), "/kept"] if self.kept is not None else []
        variables = [
            part for name, value in self.environment.items() for part in ("--setenv", name, value)
        ]
        return [
            *(_dropped() if as_root else ()),
            *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"),
            *("--uid", str(BUILDER_ID), "--gid", str(BUILDER_ID), "--hostname", "builder"),
            *_system(self.root),
            *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"),  # noqa: S108
            *(*binds, "--bind", str(self.build), "/build", *kept, "--remount-ro", "/"),
            *("--chdir", "/build", *variables, "--", *command),
        ]

    def run(self, command: Sequence[str], log: Path, on_line: Callable[[str], None]) -> int:
        """The exit code; everything printed goes to ``log``, line by line to ``on_line`` too.

        Raises ``BuildFailed`` when bubblewrap is missing or a limit is passed.
        """
        if shutil.which("bwrap") is None:
            raise HeliostatError(
                "BuildFailed",
                "Builds from source run in bubblewrap, which is not installed.",
                hint="Install it: `apt-get install --no-install-recommends bubblewrap`.",
            )
        as_root = os.geteuid() == 0
        folders = [self.build] if self.kept is None else [self.build, self.kept]
        if as_root:
            for folder in folders:
                os.chown(folder, OUTSIDE_ID, OUTSIDE_ID)
        argv = self.argv(command, as_root=as_root)
        with log.open("wb") as stream, _started(argv) as process:
            watch = _Watch(process, folders, self.limits)
            watch.start()
            try:
                assert process.stdout is not None
                for raw in process.stdout:
                    stream.write(raw)
                    on_line(raw.decode(errors="replace").rstrip())
                code = process.wait()
            except BaseException:
                process.kill()
                raise
            finally:
                watch.stop()
        if watch.passed:
            raise HeliostatError("BuildFailed", watch.passed, hint=f"The log: {log}.")
        return code


class _Watch(threading.Thread):
    """Ends the process once it is over a limit; ``passed`` says which."""

    def __init__(self, process: subprocess.Popen[bytes], folders: list[Path], limits: Limits):
        super().__init__(daemon=True)
        self.passed = ""
        self._process, self._folders, self._limits = process, folders, limits
        self._over = threading.Event()

    def run(self) -> None:
        end = time.monotonic() + self._limits.time_s
        while not self._over.wait(min(_LOOK_EVERY_S, max(0.01, end - time.monotonic()))):
            if time.monotonic() >= end:
                self._end(f"The build did not end within {self._limits.time_s:g} s.")
            elif (size := sum(map(_size_bytes, self._folders))) > self._limits.disk_bytes:
                limit = self._limits.disk_bytes / 2**20
                self._end(f"The build wrote {size / 2**20:.0f} MiB; its limit is {limit:.0f} MiB.")

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _end(self, why: str) -> None:
        self.passed = why
        self._over.set()
        self._process.kill()


def _dropped() -> tuple[str, ...]:
    """Root's way to start a program as nobody."""
    number = str(OUTSIDE_ID)
    return ("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", "--")


def _system(root: Path) -> list[str]:
    """Each folder of the system, in an empty root that gets the mount points besides."""
    arguments = []
    for path in (root / name for name in _SYSTEM):
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), f"/{path.name}"]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), f"/{path.name}"]
    return arguments


def _read_only(each: Input) -> tuple[str, str, str]:
    return ("--ro-bind", str(each.path), f"/in/{each.name}")


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """The program, with no file of ours open in it but its output."""
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        umask=0o022,
    )


def _size_bytes(folder: Path) -> int:
    """What the folder takes on disk; files that go away meanwhile don't count."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total
